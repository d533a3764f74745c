/* The keyring finds every key by its token and nothing else. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"

enum { MANY = 1000, TOKEN_SIZE = 40 };

static void make_token(unsigned int i, char token[TOKEN_SIZE])
{
	snprintf(token, TOKEN_SIZE, "token-%026u", i);
}

static struct keyring_entry make_entry(unsigned int i)
{
	struct keyring_entry entry = {.tenant_number = i, .key.rights = AUTH_CHECK};
	char token[TOKEN_SIZE];

	make_token(i, token);
	snprintf(entry.key.id, sizeof(entry.key.id), "key_%u", i);
	snprintf(entry.key.tenant, sizeof(entry.key.tenant), "tenant%u", i);
	auth_digest(token, strlen(token), entry.key.digest);
	return entry;
}

static struct keyring *make_keyring(unsigned int n)
{
	struct keyring_entry *entries = calloc(n + 1, sizeof(*entries));
	struct keyring *keyring;

	for (unsigned int i = 0; i < n; i++)
		entries[i] = make_entry(i);
	assert_int_equal(keyring_new(entries, n, &keyring), 0);
	free(entries);
	return keyring;
}

static void keyring_token_of_many_finds_its_principal(void **state)
{
	struct keyring *keyring = make_keyring(MANY);
	struct principal who;
	char token[TOKEN_SIZE], id[ID_SIZE];

	for (unsigned int i = 0; i < MANY; i++) {
		make_token(i, token);
		snprintf(id, sizeof(id), "key_%u", i);
		assert_int_equal(keyring_find(keyring, token, strlen(token), &who), 0);
		assert_string_equal(who.key_id, id);
		assert_int_equal(who.tenant_number, i);
		assert_int_equal(who.rights, AUTH_CHECK);
	}
	make_token(MANY, token);
	assert_int_equal(keyring_find(keyring, token, strlen(token), &who), AUTH_E_UNKNOWN);
	keyring_free(keyring);
}

static void keyring_token_altered_is_unknown(void **state)
{
	struct keyring *keyring = make_keyring(1);
	struct principal who;
	char token[TOKEN_SIZE];

	make_token(0, token);
	assert_int_equal(keyring_find(keyring, token, strlen(token) - 1, &who), AUTH_E_UNKNOWN);
	token[strlen(token) - 1] ^= 1;
	assert_int_equal(keyring_find(keyring, token, strlen(token), &who), AUTH_E_UNKNOWN);
	keyring_free(keyring);
}

/* Eight bytes pick the slot; the other 24 must count too. */
static void keyring_digest_differing_in_any_byte_is_unknown(void **state)
{
	struct keyring_entry entry;
	struct keyring *keyring;
	struct principal who;
	char token[TOKEN_SIZE];

	make_token(7, token);
	for (size_t i = 0; i < AUTH_DIGEST_SIZE; i++) {
		entry = make_entry(7);
		entry.key.digest[i] ^= 0x80;
		assert_int_equal(keyring_new(&entry, 1, &keyring), 0);
		assert_int_equal(keyring_find(keyring, token, strlen(token), &who), AUTH_E_UNKNOWN);
		keyring_free(keyring);
	}
}

static void keyring_same_first_bytes_are_told_apart(void **state)
{
	struct keyring_entry entries[3] = {make_entry(1), make_entry(2), make_entry(3)};
	struct keyring *keyring;
	struct principal who;
	char token[TOKEN_SIZE];

	/* Both strangers take the slots that key 3 would be found in first. */
	for (int i = 0; i < 2; i++)
		memcpy(entries[i].key.digest, entries[2].key.digest, 8);
	assert_int_equal(keyring_new(entries, 3, &keyring), 0);
	make_token(3, token);
	assert_int_equal(keyring_find(keyring, token, strlen(token), &who), 0);
	assert_string_equal(who.key_id, "key_3");
	keyring_free(keyring);
}

static void keyring_token_of_unfit_length_is_unknown(void **state)
{
	char token[AUTH_TOKEN_MAX + 2];
	struct keyring_entry entry = {0};
	struct keyring *keyring;
	struct principal who;
	static const size_t lengths[] = {0, AUTH_TOKEN_MIN - 1, AUTH_TOKEN_MAX + 1};

	memset(token, 'a', sizeof(token));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		auth_digest(token, lengths[i], entry.key.digest);
		assert_int_equal(keyring_new(&entry, 1, &keyring), 0);
		assert_int_equal(keyring_find(keyring, token, lengths[i], &who), AUTH_E_UNKNOWN);
		keyring_free(keyring);
	}
	auth_digest(token, AUTH_TOKEN_MAX, entry.key.digest);
	assert_int_equal(keyring_new(&entry, 1, &keyring), 0);
	assert_int_equal(keyring_find(keyring, token, AUTH_TOKEN_MAX, &who), 0);
	keyring_free(keyring);
}

static void keyring_empty_knows_nobody(void **state)
{
	struct keyring *keyring = make_keyring(0);
	struct principal who;

	assert_int_equal(keyring_find(keyring, "a-token-of-enough-characters", 28, &who),
			 AUTH_E_UNKNOWN);
	keyring_free(keyring);
	keyring_free(NULL);
}

static void keyring_shared_outlives_first_free(void **state)
{
	struct keyring *keyring = make_keyring(1);
	struct principal who;
	char token[TOKEN_SIZE];

	make_token(0, token);
	assert_ptr_equal(keyring_ref(keyring), keyring);
	keyring_free(keyring);
	assert_int_equal(keyring_find(keyring, token, strlen(token), &who), 0);
	keyring_free(keyring);
}

static void keyring_recall_answers_as_find_for_every_token(void **state)
{
	struct keyring *keyring = make_keyring(2);
	struct keyring_memo memo = {.use = NULL};
	struct principal who, found;
	char token[TOKEN_SIZE];

	/* Each token twice, so that it is once new to the memo and once remembered. */
	for (unsigned int i = 0; i < 8; i++) {
		make_token(i / 2 % 2, token);
		assert_int_equal(keyring_find(keyring, token, strlen(token), &found), 0);
		assert_int_equal(keyring_recall(keyring, token, strlen(token), &memo, &who), 0);
		assert_string_equal(who.key_id, found.key_id);
		assert_int_equal(who.rights, found.rights);
	}
	make_token(2, token);
	assert_int_equal(keyring_recall(keyring, token, strlen(token), &memo, &who),
			 AUTH_E_UNKNOWN);
	keyring_free(keyring);
}

static void keyring_recall_forgets_with_the_keyring(void **state)
{
	struct keyring *keyring = make_keyring(1), *without = make_keyring(0);
	struct keyring_memo memo = {.use = NULL};
	struct principal who;
	char token[TOKEN_SIZE];

	make_token(0, token);
	assert_int_equal(keyring_recall(keyring, token, strlen(token), &memo, &who), 0);
	assert_non_null(memo.use);
	assert_int_equal(keyring_recall(without, token, strlen(token), &memo, &who),
			 AUTH_E_UNKNOWN);
	keyring_free(keyring);
	keyring_free(without);
}

/* Who was seen is known to every keyring that holds the key, and to none that it left. */
static void key_use_goes_on_from_keyring_to_keyring(void **state)
{
	struct keyring_entry entries[2] = {make_entry(0), make_entry(1)};
	struct keyring *first, *second;
	struct keyring_memo memo = {.use = NULL};
	const struct keyring_entry *held;
	struct principal who;
	char token[TOKEN_SIZE];
	size_t n;

	assert_int_equal(keyring_new(entries, 2, &first), 0);
	make_token(1, token);
	assert_int_equal(keyring_recall(first, token, strlen(token), &memo, &who), 0);
	held = keyring_entries(first, &n);
	assert_int_equal(n, 2);
	assert_int_equal(key_use_last_ms(held[1].use), 0);
	key_use_note(memo.use, 1000000);
	assert_int_equal(key_use_last_ms(held[1].use), 1000000);
	assert_int_equal(key_use_last_ms(held[0].use), 0);
	assert_int_equal(keyring_new(&held[1], 1, &second), 0);
	/* Between the two, on a thread that still reads the first. */
	key_use_note(memo.use, 1000000 + KEY_USE_EVERY_MS);
	keyring_free(first);
	held = keyring_entries(second, &n);
	assert_int_equal(n, 1);
	assert_int_equal(key_use_last_ms(held[0].use), 1000000 + KEY_USE_EVERY_MS);
	keyring_free(second);
}

static void key_use_is_noted_once_a_minute_and_when_time_went_back(void **state)
{
	struct keyring *keyring = make_keyring(1);
	size_t n;
	struct key_use *use = keyring_entries(keyring, &n)->use;

	key_use_note(use, 5000000);
	key_use_note(use, 5000000 + KEY_USE_EVERY_MS - 1);
	assert_int_equal(key_use_last_ms(use), 5000000);
	key_use_note(use, 5000000 + KEY_USE_EVERY_MS);
	assert_int_equal(key_use_last_ms(use), 5000000 + KEY_USE_EVERY_MS);
	key_use_note(use, 4000000);
	assert_int_equal(key_use_last_ms(use), 4000000);
	keyring_free(keyring);
}

static void keyring_place_is_by_tenant_then_id(void **state)
{
	struct keyring_entry entries[3] = {{.key = {.tenant = "a", .id = "key_2"}},
					   {.key = {.tenant = "a", .id = "key_4"}},
					   {.key = {.tenant = "b", .id = "key_1"}}};
	static const struct {
		const char *tenant, *id;
		size_t place;
	} rows[] = {
		{"a", "", 0},      {"a", "key_2", 0}, {"a", "key_3", 1}, {"a", "key_5", 2},
		{"b", "key_0", 2}, {"b", "key_1", 2}, {"b", "key_2", 3}, {"", "key_9", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(keyring_place(entries, 3, rows[i].tenant, rows[i].id),
				 rows[i].place);
	assert_int_equal(keyring_place(NULL, 0, "a", "key_1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keyring_token_of_many_finds_its_principal),
		cmocka_unit_test(keyring_token_altered_is_unknown),
		cmocka_unit_test(keyring_digest_differing_in_any_byte_is_unknown),
		cmocka_unit_test(keyring_same_first_bytes_are_told_apart),
		cmocka_unit_test(keyring_token_of_unfit_length_is_unknown),
		cmocka_unit_test(keyring_empty_knows_nobody),
		cmocka_unit_test(keyring_shared_outlives_first_free),
		cmocka_unit_test(keyring_recall_answers_as_find_for_every_token),
		cmocka_unit_test(keyring_recall_forgets_with_the_keyring),
		cmocka_unit_test(key_use_goes_on_from_keyring_to_keyring),
		cmocka_unit_test(key_use_is_noted_once_a_minute_and_when_time_went_back),
		cmocka_unit_test(keyring_place_is_by_tenant_then_id),
	};

	return cmocka_run_group_tests_name("auth/keyring", tests, NULL, NULL);
}
