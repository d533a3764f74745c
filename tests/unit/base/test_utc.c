/* Points in time are written as RFC 3339 and read back only in that form. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utc.h"

static void utc_known_times_are_written_and_read(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{1795466160123, "2026-11-23T20:36:00.123Z"},
		{4107542399999, "2100-02-28T23:59:59.999Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
	};
	char text[UTC_TEXT_SIZE];
	uint64_t ms;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		utc_format(rows[i].ms, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(utc_parse(text, strlen(text), &ms), 0);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void utc_beyond_the_last_year_stays_in_it(void **state)
{
	char text[UTC_TEXT_SIZE];

	utc_format(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void utc_other_forms_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026-11-23",
		"2026-11-23T20:36:00Z",
		"2026-11-23T20:36:00.123+00:00",
		"2026-11-23 20:36:00.123Z",
		"2026-11-23T20:36:00.123z",
		"2026-02-29T20:36:00.123Z",
		"2026-13-01T20:36:00.123Z",
		"2026-00-01T20:36:00.123Z",
		"2026-11-31T20:36:00.123Z",
		"2026-11-00T20:36:00.123Z",
		"2026-11-23T24:00:00.000Z",
		"2026-11-23T20:60:00.000Z",
		"2026-11-23T20:36:60.000Z",
		"2026-11-23T20:36:00.12aZ",
		"2026-1a-23T20:36:00.123Z",
		"-026-11-23T20:36:00.123Z",
		"1969-12-31T23:59:59.999Z",
		"1970-01-01T00:00:00.-01Z",
		"9999-99-99T99:99:99.999Z",
	};
	uint64_t ms = 7;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (utc_parse(texts[i], strlen(texts[i]), &ms) != -EINVAL)
			fail_msg("%s", texts[i]);
		assert_int_equal(ms, 7);
	}
}

static void utc_written_by_people_is_read(void **state)
{
	static const char *const refused[] = {
		"",
		"2026",
		"2026-11",
		"2026-02-30",
		"2026-1-23",
		"2026-11-23T",
		"2026-11-23Z",
		"2026-11-23T20:36Z",
		"2026-11-23T20:36:00",
		"2026-11-23T24:00:00Z",
		"2026-11-23 20:36:00Z",
		"2026-11-23T20:36:00.1Z",
		"2026-11-23T20:36:00+01:00",
		"1969-12-31",
	};
	uint64_t ms;

	assert_int_equal(utc_read("2026-11-23T20:36:00.123Z", 24, &ms), 0);
	assert_true(ms == 1795466160123);
	assert_int_equal(utc_read("2026-11-23T20:36:00Z", 20, &ms), 0);
	assert_true(ms == 1795466160000);
	assert_int_equal(utc_read("2026-11-23", 10, &ms), 0);
	assert_true(ms == 1795392000000);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (utc_read(refused[i], strlen(refused[i]), &ms) != -EINVAL)
			fail_msg("%s", refused[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utc_known_times_are_written_and_read),
		cmocka_unit_test(utc_beyond_the_last_year_stays_in_it),
		cmocka_unit_test(utc_other_forms_are_refused),
		cmocka_unit_test(utc_written_by_people_is_read),
	};

	return cmocka_run_group_tests_name("utc", tests, NULL, NULL);
}
