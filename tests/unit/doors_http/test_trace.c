/* Reads traceparent: what level 1 of Trace Context accepts, and what is to be ignored. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/trace.h"

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define NONE   "00000000000000000000000000000000"

/* On exactly its bytes, so that the sanitizer sees one that is not there. */
static bool parse(const char *text, struct trace *ret)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	char *bytes = copy + 1;
	bool ok;

	assert_non_null(copy);
	memcpy(bytes, text, len);
	ok = trace_parse((struct httpd_text){bytes, len}, ret);
	free(copy);
	return ok;
}

static void traceparent_that_is_valid_is_read(void **state)
{
	static const char *const rows[] = {
		"00-" TRACE "-" PARENT "-01",
		"00-" TRACE "-" PARENT "-00",
		"00-" TRACE "-" PARENT "-ff",
		/* Versions to come: what this one has, then nothing or more behind a hyphen. */
		"01-" TRACE "-" PARENT "-01",
		"cc-" TRACE "-" PARENT "-01-what-the-future-brings",
		"fe-" TRACE "-" PARENT "-01-",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace trace;

		assert_true(parse(rows[i], &trace));
		assert_string_equal(trace.trace_id, TRACE);
		assert_string_equal(trace.parent_id, PARENT);
	}
}

static void traceparent_that_is_malformed_is_ignored(void **state)
{
	static const char *const rows[] = {
		"",
		"00",
		"00-" TRACE "-" PARENT,
		"00-" TRACE "-" PARENT "-",
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-",
		"00-" TRACE "-" PARENT "-01-more",
		"00-" TRACE "-" PARENT "-011",
		"cc-" TRACE "-" PARENT "-01x",
		"cc-" TRACE "-" PARENT "-01.more",
		"ff-" TRACE "-" PARENT "-01",
		"ff-" TRACE "-" PARENT "-01-more",
		"0-" TRACE "-" PARENT "-01",
		"000-" TRACE "-" PARENT "-01",
		"0x-" TRACE "-" PARENT "-01",
		" 0-" TRACE "-" PARENT "-01",
		"0A-" TRACE "-" PARENT "-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
		"00-" TRACE "-B7AD6B7169203331-01",
		"00-" TRACE "-" PARENT "-0A",
		"00-" TRACE "-" PARENT "-0g",
		"00-" NONE "-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		"00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
		"00-" TRACE "-b7ad6b71692033310-1",
		"00-zaf7651916cd43dd8448eb211c80319c-" PARENT "-01",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace trace = {.trace_id = "untouched"};

		if (parse(rows[i], &trace))
			fail_msg("accepted: '%s'", rows[i]);
		assert_string_equal(trace.trace_id, "untouched");
	}
	assert_false(trace_parse((struct httpd_text){NULL, 0}, &(struct trace){.trace_id = ""}));
}

static void traceparent_may_hold_any_bytes(void **state)
{
	char text[] = "00-" TRACE "-" PARENT "-01";
	struct trace trace;

	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		char kept = text[at];

		for (int byte = 1; byte < 256; byte++) {
			bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
			bool dash = kept == '-';

			text[at] = (char)byte;
			/* Another version, id or flag is fine; anything else is not. */
			assert_int_equal(parse(text, &trace), dash ? byte == '-' : hex);
		}
		text[at] = kept;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traceparent_that_is_valid_is_read),
		cmocka_unit_test(traceparent_that_is_malformed_is_ignored),
		cmocka_unit_test(traceparent_may_hold_any_bytes),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
