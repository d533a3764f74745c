/* UTF-8 is told from what only resembles it, by the edges of RFC 3629. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void utf8_table_of_edges(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"", true},
		{"plain", true},
		{"\x7F", true},
		{"\x80", false},
		{"\xBF", false},
		{"\xC0\x80", false}, /* overlong NUL */
		{"\xC1\xBF", false}, /* overlong U+007F */
		{"\xC2\x80", true},  /* U+0080 */
		{"\xC2", false},     /* torn */
		{"\xC2\x7F", false},
		{"\xC2\xC0", false},
		{"\xDF\xBF", true},      /* U+07FF */
		{"\xE0\x80\x80", false}, /* overlong */
		{"\xE0\x9F\xBF", false}, /* overlong U+07FF */
		{"\xE0\xA0\x80", true},  /* U+0800 */
		{"\xE0\xA0", false},
		{"\xE1\x80\x80", true},
		{"\xED\x9F\xBF", true},  /* U+D7FF */
		{"\xED\xA0\x80", false}, /* U+D800, a surrogate */
		{"\xED\xBF\xBF", false}, /* U+DFFF */
		{"\xEE\x80\x80", true},  /* U+E000 */
		{"\xEF\xBF\xBF", true},  /* U+FFFF, a noncharacter, well-formed */
		{"\xEF\xBF\x7F", false},
		{"\xEF\xBB\xBF", true},      /* the byte order mark */
		{"\xF0\x80\x80\x80", false}, /* overlong */
		{"\xF0\x8F\xBF\xBF", false}, /* overlong U+FFFF */
		{"\xF0\x90\x80\x80", true},  /* U+10000 */
		{"\xF0\x90\x80", false},
		{"\xF0\x90\x80\xC0", false},
		{"\xF3\xBF\xBF\xBF", true},
		{"\xF4\x8F\xBF\xBF", true},  /* U+10FFFF */
		{"\xF4\x90\x80\x80", false}, /* U+110000 */
		{"\xF5\x80\x80\x80", false},
		{"\xF8\x88\x80\x80\x80", false},
		{"\xFE", false},
		{"\xFF", false},
		{"a\xC3\xA4 b\xE2\x82\xAC c\xF0\x9F\x98\x80", true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (utf8_valid(rows[i].text, strlen(rows[i].text)) != rows[i].valid)
			fail_msg("row %zu", i);
}

/* The eight-bytes-at-a-time path must not skip over or beyond anything. */
static void utf8_fault_is_found_at_every_position(void **state)
{
	char text[40];

	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		assert_true(utf8_valid(text, sizeof(text)));
		text[at] = (char)0xFF;
		assert_false(utf8_valid(text, sizeof(text)));
		assert_true(utf8_valid(text, at));
	}
}

static void utf8_nul_is_well_formed(void **state)
{
	assert_true(utf8_valid("a\0b", 3));
}

static void utf8_sequence_ends_with_the_text(void **state)
{
	/* The bytes after the length would complete it. */
	assert_false(utf8_valid("\xE2\x82\xAC", 2));
	assert_false(utf8_valid("aaaaaaa\xE2\x82\xAC", 8));
}

static void utf8_cut_drops_only_a_torn_character(void **state)
{
	static const struct {
		const char *text;
		size_t len, left;
	} rows[] = {
		{"", 0, 0},
		{"abc", 3, 3},
		{"ab\xC3\xA4", 4, 4},
		{"ab\xC3\xA4", 3, 2},
		{"a\xE2\x82\xAC", 4, 4},
		{"a\xE2\x82\xAC", 3, 1},
		{"a\xE2\x82\xAC", 2, 1},
		{"\xF0\x9F\x98\x80", 4, 4},
		{"\xF0\x9F\x98\x80", 3, 0},
		{"\xF0\x9F\x98\x80", 1, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_cut(rows[i].text, rows[i].len), rows[i].left);
}

static void utf8_control_characters_are_found_in_one_and_two_bytes(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} rows[] = {
		{"", false},         {"plain", false},        {"a\nb", true},      {"\x7f", true},
		{"a\xC2\x85", true}, {"\xC2\xA0", false},     {"\xC3\x85", false}, {"~", false},
		{"\xC2\x9F!", true}, {"\xE2\x82\xAC", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_has_control(rows[i].text, strlen(rows[i].text)), rows[i].has);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_table_of_edges),
		cmocka_unit_test(utf8_fault_is_found_at_every_position),
		cmocka_unit_test(utf8_nul_is_well_formed),
		cmocka_unit_test(utf8_sequence_ends_with_the_text),
		cmocka_unit_test(utf8_cut_drops_only_a_torn_character),
		cmocka_unit_test(utf8_control_characters_are_found_in_one_and_two_bytes),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
