/* ETags of revisions and what If-Match asks for. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/etag.h"

static void etag_if_match_is_compared_strongly(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t revision;
	} rows[] = {
		{"\"42\"", 0, 42},
		{"*", 0, 0},
		{"\"1\", \"42\"", 0, 42},
		{"\"42\",\"1\"", 0, 42},
		{"W/\"42\", \"42\"", 0, 42},
		{"\"4\"", ETAG_E_MISMATCH, 7},
		{"\"421\"", ETAG_E_MISMATCH, 7},
		{"W/\"42\"", ETAG_E_MISMATCH, 7},
		{"\"\"", ETAG_E_MISMATCH, 7},
		{"", ETAG_E_INVALID, 7},
		{"42", ETAG_E_INVALID, 7},
		{"\"42", ETAG_E_INVALID, 7},
		{"\"42\"x", ETAG_E_INVALID, 7},
		{"\"42\" *", ETAG_E_INVALID, 7},
		{"**", ETAG_E_INVALID, 7},
		{"W/", ETAG_E_INVALID, 7},
		{"\"", ETAG_E_INVALID, 7},
		{", ,", ETAG_E_INVALID, 7},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t revision = 7;

		assert_int_equal(etag_match(rows[i].text, strlen(rows[i].text), 42, &revision),
				 rows[i].result);
		assert_true(revision == rows[i].revision);
	}
}

static void etag_format_is_a_strong_tag(void **state)
{
	char text[REPLY_TEXT_SIZE];

	etag_format(UINT64_MAX, text);
	assert_string_equal(text, "\"18446744073709551615\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(etag_if_match_is_compared_strongly),
		cmocka_unit_test(etag_format_is_a_strong_tag),
	};

	return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}
