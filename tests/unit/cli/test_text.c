/* Text for terminals: what could steer one is escaped, and columns are counted as they show. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/text_priv.h"

static void text_that_could_steer_a_terminal_is_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *shown;
	} rows[] = {
#define ROW(text, shown) {text, sizeof(text) - 1, shown}
		ROW("", ""),
		ROW("plain \\* text", "plain \\* text"),
		ROW("\xC3\xA4\xE5\x90\x8D\xF0\x9F\x98\x80", "\xC3\xA4\xE5\x90\x8D\xF0\x9F\x98\x80"),
		ROW("a\nb\tc\rd", "a\\nb\\tc\\rd"),
		ROW("\x1B[2J", "\\x1b[2J"),
		ROW("\0\x7F", "\\x00\\x7f"),
		ROW("\xC2\x9B", "\\u009b"),
		ROW("\xE2\x80\xAE\xE2\x81\xA6", "\\u202e\\u2066"),
		ROW("\xE2\x80\xA8\xEF\xBB\xBF\xE2\x80\x8B", "\\u2028\\ufeff\\u200b"),
		ROW("\xF3\xA0\x80\x81", "\\U000e0001"),
		ROW("\xFF\xC3(\xE5\x90", "\\xff\\xc3(\\xe5\\x90"),
		ROW("\xC0\x80\xED\xA0\x80", "\\xc0\\x80\\xed\\xa0\\x80"),
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf buf;

		buf_init(&buf);
		buf_put_str(&buf, "");
		text_put_escaped(&buf, rows[i].text, rows[i].len);
		assert_string_equal(buf.data, rows[i].shown);
	}
}

static void columns_are_those_of_the_screen(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
	} rows[] = {
		{"", 0},
		{"abc", 3},
		{"\xC3\xA4", 1},
		{"a\xCC\x88", 1}, /* a and a combining diaeresis */
		{"\xE5\x90\x8D\xE5\x89\x8D", 4},
		{"\xF0\x9F\x98\x80", 2},
	};

	text_init();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_columns(rows[i].text, strlen(rows[i].text)), rows[i].columns);
}

static void fitting_text_ends_with_a_whole_character(void **state)
{
	static const struct {
		const char *text;
		size_t columns, bytes;
	} rows[] = {
		{"abc", 2, 2},
		{"abc", 0, 0},
		{"abc", 9, 3},
		{"\xE5\x90\x8D\xE5\x89\x8D", 3, 3},
		{"\xE5\x90\x8D\xE5\x89\x8D", 1, 0},
		{"a\xCC\x88z", 1, 3},
	};

	text_init();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_fit(rows[i].text, strlen(rows[i].text), rows[i].columns),
				 rows[i].bytes);
}

static void times_have_two_units_and_are_rounded_up(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "0ms"},
		{999, "999ms"},
		{1000, "1s"},
		{1001, "1.1s"},
		{9900, "9.9s"},
		{9901, "10s"},
		{59999, "1m"},
		{60001, "1m 1s"},
		{3599001, "1h"},
		{3600000, "1h"},
		{3660001, "1h 2m"},
		{86400000, "1d"},
		{31536000000, "365d"},
		{31532400001, "365d"},
		{90000000, "1d 1h"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[TIME_TEXT_SIZE];

		text_format_ms(rows[i].ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_that_could_steer_a_terminal_is_escaped),
		cmocka_unit_test(columns_are_those_of_the_screen),
		cmocka_unit_test(fitting_text_ends_with_a_whole_character),
		cmocka_unit_test(times_have_two_units_and_are_rounded_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
