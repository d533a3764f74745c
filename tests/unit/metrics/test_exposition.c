/* The text format: lines, what is escaped where, and how numbers are written. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metrics/exposition.h"

static int setup(void **state)
{
	static struct buf buf;

	buf_init(&buf);
	*state = &buf;
	return 0;
}

static int teardown(void **state)
{
	buf_done(*state);
	return 0;
}

static void begin_writes_help_and_type(void **state)
{
	struct exposition out = {.buf = *state};

	exposition_begin(&out, "a_total", "counter", "what");
	assert_string_equal(out.buf->data, "# HELP a_total what\n# TYPE a_total counter\n");
}

static void help_escapes_backslash_and_line_feed_only(void **state)
{
	struct exposition out = {.buf = *state};

	exposition_begin(&out, "a", "gauge", "a \\ \"b\"\nc");
	assert_string_equal(out.buf->data, "# HELP a a \\\\ \"b\"\\nc\n# TYPE a gauge\n");
}

static void sample_without_labels_has_no_braces(void **state)
{
	struct exposition out = {.buf = *state};

	exposition_u64(&out, "a", NULL, 0, UINT64_MAX);
	assert_string_equal(out.buf->data, "a 18446744073709551615\n");
}

static void label_escapes_backslash_quote_and_line_feed(void **state)
{
	const struct exposition_label labels[] = {{"x", "a\\\"\n\xc3\xa9}"}, {"y", ""}};
	struct exposition out = {.buf = *state};

	exposition_u64(&out, "a", labels, 2, 0);
	assert_string_equal(out.buf->data, "a{x=\"a\\\\\\\"\\n\xc3\xa9}\",y=\"\"} 0\n");
}

static void double_is_written_short(void **state)
{
	struct exposition out = {.buf = *state};

	exposition_double(&out, "a", NULL, 0, 0.25);
	exposition_double(&out, "b", NULL, 0, 1);
	assert_string_equal(out.buf->data, "a 0.25\nb 1\n");
}

#define ON_BUF(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BUF(begin_writes_help_and_type),
		ON_BUF(help_escapes_backslash_and_line_feed_only),
		ON_BUF(sample_without_labels_has_no_braces),
		ON_BUF(label_escapes_backslash_quote_and_line_feed),
		ON_BUF(double_is_written_short),
	};

	return cmocka_run_group_tests_name("metrics/exposition", tests, NULL, NULL);
}
