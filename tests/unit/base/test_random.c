/* Identifiers have their form and sort by time; secrets use their whole alphabet. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";

static int start(void **state)
{
	return random_init();
}

static void id_has_prefix_and_twenty_characters(void **state)
{
	char id[ID_SIZE];

	id_make("lim", 1795466160123, id);
	assert_int_equal(strlen(id), 4 + ID_RANDOM_LEN);
	assert_memory_equal(id, "lim_", 4);
	assert_int_equal(strspn(id + 4, base32), ID_RANDOM_LEN);
	id_make("eightlen", 0, id);
	assert_int_equal(strlen(id), 9 + ID_RANDOM_LEN);
	assert_memory_equal(id + 9, "000000000", 9);
}

static void id_time_can_be_read_back(void **state)
{
	char id[ID_SIZE];
	uint64_t ms = 0;

	id_make("lim", 1795466160123, id);
	for (int i = 0; i < 9; i++)
		ms = ms << 5 | (uint64_t)(strchr(base32, id[4 + i]) - base32);
	assert_int_equal(ms, 1795466160123);
}

static void id_of_a_later_millisecond_sorts_behind(void **state)
{
	char earlier[ID_SIZE], later[ID_SIZE];

	for (uint64_t ms = 1795466160000; ms < 1795466162000; ms++) {
		id_make("lim", ms, earlier);
		id_make("lim", ms + 1, later);
		assert_true(strcmp(earlier, later) < 0);
	}
}

static void ids_of_one_millisecond_sort_as_they_were_made(void **state)
{
	char before[ID_SIZE], id[ID_SIZE], next[ID_SIZE];

	for (uint64_t ms = 1; ms < 200; ms++) {
		id_make("lim", ms, before);
		for (int i = 0; i < 100; i++) {
			id_make("lim", ms, id);
			assert_true(strcmp(before, id) < 0);
			/* What others count on from the former is not taken. */
			strcpy(next, before);
			id_next(next);
			assert_true(strcmp(next, id) < 0);
			strcpy(before, id);
		}
	}
}

static void ids_use_the_whole_alphabet_at_every_random_place(void **state)
{
	bool seen[ID_RANDOM_LEN][256] = {{false}};
	char id[ID_SIZE];

	/* That one of 352 is missing after 2,000 ids has a chance of 1 in 10^25. */
	for (int round = 0; round < 2000; round++) {
		id_make("lim", (uint64_t)round, id);
		for (int i = 9; i < ID_RANDOM_LEN; i++)
			seen[i][(unsigned char)id[4 + i]] = true;
	}
	for (int i = 9; i < ID_RANDOM_LEN; i++)
		for (const char *c = base32; *c; c++)
			assert_true(seen[i][(unsigned char)*c]);
}

static void secret_has_its_length_and_alphabet(void **state)
{
	bool seen[256] = {false};
	char secret[4001];
	int kinds = 0;

	secret_make(secret, sizeof(secret));
	assert_int_equal(strlen(secret), 4000);
	for (int i = 0; i < 4000; i++)
		seen[(unsigned char)secret[i]] = true;
	for (int c = 0; c < 256; c++) {
		bool letter =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		assert_true(!seen[c] || letter);
		kinds += seen[c];
	}
	/* That one of 62 is missing among 4,000 has a chance of 1 in 10^26. */
	assert_int_equal(kinds, 62);
	secret_make(secret, 1);
	assert_string_equal(secret, "");
}

static void random_bytes_fill_the_whole_length(void **state)
{
	unsigned char bytes[64], any[64] = {0};

	for (int round = 0; round < 64; round++) {
		random_bytes(bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			any[i] |= bytes[i];
	}
	for (size_t i = 0; i < sizeof(any); i++)
		assert_int_equal(any[i], 0xFF);
}

static void id_next_is_the_one_behind_it(void **state)
{
	static const char *const rows[][2] = {
		{"aud_00000000000000000000", "aud_00000000000000000001"},
		{"aud_0000000000000000000h", "aud_0000000000000000000j"},
		{"aud_000000000000000000zz", "aud_00000000000000000100"},
		{"aud_00000000azzzzzzzzzzz", "aud_00000000b00000000000"},
		{"a_zzzzzzzzzzzzzzzzzzzz", "a_00000000000000000000"},
	};
	char id[ID_SIZE], before[ID_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(id, rows[i][0]);
		id_next(id);
		assert_string_equal(id, rows[i][1]);
	}
	id_make("aud", 1795466160123, id);
	for (int i = 0; i < 5000; i++) {
		strcpy(before, id);
		id_next(id);
		assert_true(strcmp(before, id) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_has_prefix_and_twenty_characters),
		cmocka_unit_test(id_time_can_be_read_back),
		cmocka_unit_test(id_of_a_later_millisecond_sorts_behind),
		cmocka_unit_test(ids_of_one_millisecond_sort_as_they_were_made),
		cmocka_unit_test(ids_use_the_whole_alphabet_at_every_random_place),
		cmocka_unit_test(secret_has_its_length_and_alphabet),
		cmocka_unit_test(id_next_is_the_one_behind_it),
		cmocka_unit_test(random_bytes_fill_the_whole_length),
	};

	return cmocka_run_group_tests_name("random", tests, start, NULL);
}
