/* Numbers and durations are read strictly, and durations written in their shortest form. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

#define MS  1000000ULL
#define DAY (86400000 * MS)

static void number_u64_table_is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} rows[] = {
		{"0", 0, 0},
		{"007", 0, 7},
		{"9007199254740993", 0, 9007199254740993},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551620", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		/* its sum wraps past the old value again */
		{"36893488147419103232", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"\xd9\xa1", -EINVAL, 0}, /* an Arabic digit */
		{"99999999999999999999999x", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 77;

		if (number_parse_u64(rows[i].text, strlen(rows[i].text), &value) != rows[i].r)
			fail_msg("\"%s\"", rows[i].text);
		assert_int_equal(value, rows[i].r == 0 ? rows[i].value : 77);
	}
}

static void number_u64_stops_at_its_length(void **state)
{
	uint64_t value;

	assert_int_equal(number_parse_u64("1234x", 4, &value), 0);
	assert_int_equal(value, 1234);
	assert_int_equal(number_parse_u64("12\0", 3, &value), -EINVAL);
}

static void number_s64_table_is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} rows[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775808", 0, INT64_MIN},
		{"-9223372036854775809", -ERANGE, 0},
		{"-", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"--1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"- 1", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = 77;

		if (number_parse_s64(rows[i].text, strlen(rows[i].text), &value) != rows[i].r)
			fail_msg("\"%s\"", rows[i].text);
		assert_true(value == (rows[i].r == 0 ? rows[i].value : 77));
	}
}

static void duration_table_is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
	} rows[] = {
		{"1ms", 0, MS},
		{"500ms", 0, 500 * MS},
		{"1s", 0, 1000 * MS},
		{"1m", 0, 60000 * MS},
		{"1h", 0, 3600000 * MS},
		{"1d", 0, DAY},
		{"365d", 0, 365 * DAY},
		{"007s", 0, 7000 * MS},
		{"106751d", 0, 106751 * DAY},
		{"106752d", -ERANGE, 0},
		{"9223372036854ms", 0, 9223372036854 * MS},
		{"9223372036855ms", -ERANGE, 0},
		{"18446744073709551616ms", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"m", -EINVAL, 0},
		{"1", -EINVAL, 0},
		{"0s", -EINVAL, 0},
		{"1 m", -EINVAL, 0},
		{"1m ", -EINVAL, 0},
		{" 1m", -EINVAL, 0},
		{"-1m", -EINVAL, 0},
		{"+1m", -EINVAL, 0},
		{"1.5m", -EINVAL, 0},
		{"1M", -EINVAL, 0},
		{"1min", -EINVAL, 0},
		{"1m30s", -EINVAL, 0},
		{"1w", -EINVAL, 0},
		{"1us", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = 77;

		if (duration_parse_ns(rows[i].text, strlen(rows[i].text), &ns) != rows[i].r)
			fail_msg("\"%s\"", rows[i].text);
		assert_int_equal(ns, rows[i].r == 0 ? rows[i].ns : 77);
	}
	assert_int_equal(duration_parse_ns("1m\0", 3, &(uint64_t){0}), -EINVAL);
}

static void duration_is_written_in_its_shortest_form(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{MS, "1ms"},
		{999 * MS, "999ms"},
		{1000 * MS, "1s"},
		{1500 * MS, "1500ms"},
		{60000 * MS, "1m"},
		{90000 * MS, "90s"},
		{3600000 * MS, "1h"},
		{5400000 * MS, "90m"},
		{DAY, "1d"},
		{36 * 3600000 * MS, "36h"},
		{365 * DAY, "365d"},
		{DAY + MS, "86400001ms"},
		{9223372036854 * MS, "9223372036854ms"},
	};
	char text[DURATION_TEXT_SIZE];
	uint64_t again;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		duration_format(rows[i].ns, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(duration_parse_ns(text, strlen(text), &again), 0);
		assert_int_equal(again, rows[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_u64_table_is_read_or_refused),
		cmocka_unit_test(number_u64_stops_at_its_length),
		cmocka_unit_test(number_s64_table_is_read_or_refused),
		cmocka_unit_test(duration_table_is_read_or_refused),
		cmocka_unit_test(duration_is_written_in_its_shortest_form),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
