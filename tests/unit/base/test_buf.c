/* A buf grows, keeps its text terminated, and remembers its first failure. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

/* More than an address space: no allocator gives it. AddressSanitizer must return NULL, too. */
#define TOO_MUCH (1ULL << 60)

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void buf_text_longer_than_first_size_is_kept(void **state)
{
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	for (int i = 0; i < 10000; i++) {
		buf_put_char(&buf, (char)('a' + i % 26));
		assert_int_equal(buf.data[buf.len], '\0');
	}
	assert_int_equal(buf.len, 10000);
	assert_false(buf.failed);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
}

static void buf_numbers_equal_printf(void **state)
{
	static const uint64_t numbers[] = {
		0,
		1,
		9,
		10,
		11,
		99,
		100,
		101,
		999,
		1000,
		9999,
		10000,
		123456789,
		INT64_MAX,
		1 + (uint64_t)INT64_MAX,
		UINT64_MAX,
		UINT64_MAX - 1,
	};
	char expected[64];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		_cleanup_buf_ struct buf buf;

		buf_init(&buf);
		buf_put_u64(&buf, numbers[i]);
		buf_put_char(&buf, ' ');
		buf_put_s64(&buf, (int64_t)numbers[i]);
		buf_put_char(&buf, ' ');
		buf_put_s64(&buf, (int64_t)(0 - numbers[i]));
		snprintf(expected, sizeof(expected), "%llu %lld %lld",
			 (unsigned long long)numbers[i], (long long)numbers[i],
			 (long long)(0 - numbers[i]));
		assert_string_equal(buf.data, expected);
	}
}

static void buf_every_short_number_equals_printf(void **state)
{
	char expected[16];

	for (unsigned int i = 0; i < 20000; i++) {
		char memory[16];
		struct buf buf;

		buf_init_fixed(&buf, memory, sizeof(memory));
		buf_put_u64(&buf, i);
		snprintf(expected, sizeof(expected), "%u", i);
		assert_string_equal(buf.data, expected);
	}
}

static void buf_printf_grows_to_what_it_needs(void **state)
{
	_cleanup_buf_ struct buf buf;
	char long_text[3000];

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	buf_init(&buf);
	buf_printf(&buf, "%d-%s-", 7, "a");
	buf_printf(&buf, "%s", long_text);
	buf_printf(&buf, "%s", "");
	assert_int_equal(buf.len, 4 + 2999);
	assert_memory_equal(buf.data, "7-a-x", 5);
	assert_int_equal(strlen(buf.data), buf.len);
}

static void buf_fixed_holds_exactly_its_size_less_one(void **state)
{
	char memory[5];
	struct buf buf;

	buf_init_fixed(&buf, memory, sizeof(memory));
	assert_string_equal(memory, "");
	buf_put_str(&buf, "abcd");
	assert_false(buf.failed);
	assert_string_equal(memory, "abcd");
	buf_put_char(&buf, 'e');
	assert_true(buf.failed);
	assert_string_equal(memory, "abcd");
}

static void buf_failure_sticks(void **state)
{
	char memory[5];
	struct buf buf;

	buf_init_fixed(&buf, memory, sizeof(memory));
	buf_put_str(&buf, "ab");
	buf_put_str(&buf, "too long");
	buf_put_str(&buf, "c");
	buf_put_u64(&buf, 1);
	buf_put_s64(&buf, -1);
	buf_printf(&buf, "%s", "d");
	buf_put_char(&buf, 'e');
	assert_null(buf_reserve(&buf, 1));
	assert_true(buf.failed);
	assert_int_equal(buf.len, 2);
	assert_string_equal(memory, "ab");
	buf_done(&buf);
}

static void buf_printf_without_room_keeps_the_text_before(void **state)
{
	char memory[5];
	struct buf buf;

	buf_init_fixed(&buf, memory, sizeof(memory));
	buf_put_str(&buf, "ab");
	buf_printf(&buf, "%s", "cde");
	assert_true(buf.failed);
	assert_int_equal(buf.len, 2);
	assert_string_equal(memory, "ab");
}

static void buf_fixed_number_needs_only_its_own_digits(void **state)
{
	char memory[4];
	struct buf buf;

	buf_init_fixed(&buf, memory, sizeof(memory));
	buf_put_s64(&buf, -42);
	assert_false(buf.failed);
	assert_string_equal(memory, "-42");
}

static void buf_without_memory_fails_and_keeps_failing(void **state)
{
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	buf_put_str(&buf, "before");
	assert_null(buf_reserve(&buf, TOO_MUCH));
	assert_true(buf.failed);
	buf_put_str(&buf, "after");
	assert_string_equal(buf.data, "before");
	assert_null(buf_take(&buf, NULL));
	assert_null(buf.data);
}

static void buf_size_that_overflows_fails_without_asking(void **state)
{
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	buf_put_char(&buf, 'x');
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_true(buf.failed);
}

static void buf_take_hands_over_text_and_starts_anew(void **state)
{
	struct buf buf;
	size_t len = 0;
	char *text;

	buf_init(&buf);
	buf_put(&buf, "a\0b", 3);
	text = buf_take(&buf, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	free(text);

	text = buf_take(&buf, &len);
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	free(text);
}

static void buf_advance_counts_what_was_filled_in(void **state)
{
	_cleanup_buf_ struct buf buf;
	char *at;

	buf_init(&buf);
	at = buf_reserve(&buf, 1000);
	assert_non_null(at);
	memcpy(at, "hello!", 6);
	buf_advance(&buf, 5);
	assert_string_equal(buf.data, "hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_text_longer_than_first_size_is_kept),
		cmocka_unit_test(buf_numbers_equal_printf),
		cmocka_unit_test(buf_every_short_number_equals_printf),
		cmocka_unit_test(buf_printf_grows_to_what_it_needs),
		cmocka_unit_test(buf_fixed_holds_exactly_its_size_less_one),
		cmocka_unit_test(buf_failure_sticks),
		cmocka_unit_test(buf_printf_without_room_keeps_the_text_before),
		cmocka_unit_test(buf_fixed_number_needs_only_its_own_digits),
		cmocka_unit_test(buf_without_memory_fails_and_keeps_failing),
		cmocka_unit_test(buf_size_that_overflows_fails_without_asking),
		cmocka_unit_test(buf_take_hands_over_text_and_starts_anew),
		cmocka_unit_test(buf_advance_counts_what_was_filled_in),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
