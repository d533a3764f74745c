/* Fields of a log line: members in JSON, words on a terminal, and no way out of either. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "unit/base/capture.h"

static void log_fields_in_json_are_members(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_event(LOG_LEVEL_WARNING, "limit made", LOG_STR("limit", "lim_1"),
		  LOG_U64("status", INT64_MAX), LOG_TEXT("part", "abcdef", 3),
		  LOG_STR("absent", NULL), LOG_STR("empty", ""));
	capture_end(&capture);
	document = capture_line(&capture);
	assert_string_equal(log_member(document, "level"), "warning");
	assert_string_equal(log_member(document, "message"), "limit made");
	assert_string_equal(log_member(document, "limit"), "lim_1");
	assert_string_equal(log_member(document, "part"), "abc");
	assert_string_equal(log_member(document, "empty"), "");
	assert_null(json_member(json_root(document), "absent"));
	assert_non_null(strstr(capture.text, "\"status\":9223372036854775807,"));
}

static void log_fields_on_a_terminal_are_words(void **state)
{
	struct capture capture;

	capture_terminal(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_event(LOG_LEVEL_INFO, "limit made", LOG_STR("limit", "lim_1"), LOG_U64("status", 201),
		  LOG_STR("name", "two words"), LOG_STR("odd", "a=\"b\"\\\n"), LOG_STR("empty", ""),
		  LOG_STR("absent", NULL));
	capture_end(&capture);
	assert_string_equal(capture.text + 24, " INFO  limit made limit=lim_1 status=201 "
					       "name=\"two words\" odd=\"a=\\\"b\\\"\\\\\\u000a\" "
					       "empty=\"\"\r\n");
}

static void log_format_overrules_what_stderr_is(void **state)
{
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_event(LOG_LEVEL_INFO, "text", LOG_U64("n", 1));
	capture_end(&capture);
	assert_string_equal(capture.text + 24, " INFO  text n=1\n");

	capture_terminal(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "json", LOG_U64("n", 1));
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "\"message\":\"json\",\"n\":1}"));
}

static void log_fields_cannot_forge_lines_or_members(void **state)
{
	static const char evil[] = "x\",\"level\":\"error\"}\n{\"message\":\"\x1b[2J\\\x7f\xc2\x9b";
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "hostile", LOG_STR("path", evil), LOG_STR("next", "fine"));
	capture_end(&capture);
	document = capture_line(&capture);
	assert_string_equal(log_member(document, "path"), evil);
	assert_string_equal(log_member(document, "level"), "info");
	assert_string_equal(log_member(document, "next"), "fine");
}

/* Each kind of filling, so that the cut falls on plain, escaped and multi-byte text. */
static void log_long_field_is_cut_and_the_next_one_stays(void **state)
{
	static const char *const fillings[] = {"a", "\x01", "\"", "\xE2\x82\xAC", "\xFF"};

	for (size_t f = 0; f < sizeof(fillings) / sizeof(fillings[0]); f++) {
		_cleanup_json_ struct json_document *document = NULL;
		struct capture capture;
		char text[4000] = "";
		const char *value;

		while (strlen(text) + 4 < sizeof(text))
			strcat(text, fillings[f]);
		capture_pipe(&capture);
		log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		log_event(LOG_LEVEL_INFO, "long", LOG_STR("path", text), LOG_U64("last", 7));
		capture_end(&capture);
		document = capture_line(&capture);
		value = log_member(document, "path");
		assert_string_equal(value + strlen(value) - 3, "...");
		assert_in_range(strlen(value), 80, LOG_VALUE_MAX + 3);
		assert_int_equal(json_integer(json_member(json_root(document), "last")), 7);
	}
}

/* More than a line holds: what does not fit is left out, the line stays whole. */
static void log_line_of_many_long_fields_is_whole(void **state)
{
	struct log_field fields[LOG_FIELDS_MAX];
	char long_text[1000];

	memset(long_text, '"', sizeof(long_text));
	for (size_t n = 0; n <= LOG_FIELDS_MAX; n++) {
		struct capture capture;

		for (size_t i = 0; i < n; i++)
			fields[i] = i % 3 == 2 ? LOG_U64("number", UINT64_MAX) :
						 LOG_TEXT("text", long_text, (i + 1) * 37 % 1000);
		capture_pipe(&capture);
		log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		log_fields(LOG_LEVEL_INFO, "many", fields, n);
		capture_end(&capture);
		assert_true(capture.len <= 4096);
		/* Names are there twice, which our own parser refuses. */
		assert_string_equal(capture.text + capture.len - 2, "}\n");
		assert_ptr_equal(strchr(capture.text, '\n'), capture.text + capture.len - 1);
	}
}

static void log_fields_below_the_least_level_are_silent(void **state)
{
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "no", LOG_U64("n", 1));
	capture_end(&capture);
	assert_true(capture.len <= 0);
}

static void log_fields_leave_errno_alone(void **state)
{
	struct capture capture;

	capture_pipe(&capture);
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_event(LOG_LEVEL_ERROR, "nobody hears this", LOG_U64("n", 1));
	assert_int_equal(errno, ENOSPC);
	capture_end(&capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_fields_in_json_are_members),
		cmocka_unit_test(log_fields_on_a_terminal_are_words),
		cmocka_unit_test(log_format_overrules_what_stderr_is),
		cmocka_unit_test(log_fields_cannot_forge_lines_or_members),
		cmocka_unit_test(log_long_field_is_cut_and_the_next_one_stays),
		cmocka_unit_test(log_line_of_many_long_fields_is_whole),
		cmocka_unit_test(log_fields_below_the_least_level_are_silent),
		cmocka_unit_test(log_fields_leave_errno_alone),
	};

	return cmocka_run_group_tests_name("log_fields", tests, NULL, NULL);
}
