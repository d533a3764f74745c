/* Log lines are whole, of one line each, and nothing in a message can forge another. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/utf8.h"
#include "json/json.h"
#include "unit/base/capture.h"

static void log_line_in_a_pipe_is_one_json_object(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_warning("disk is %d %% full", 97);
	capture_end(&capture);
	document = capture_line(&capture);
	assert_string_equal(log_member(document, "level"), "warning");
	assert_string_equal(log_member(document, "message"), "disk is 97 % full");
	assert_int_equal(strlen(log_member(document, "time")), 24);
}

static void log_message_cannot_forge_lines_or_members(void **state)
{
	static const char evil[] =
		"key \"x\",\"level\":\"error\"}\n{\"message\":\"forged\\\t\r\x1b[2J"
		"\x7f\xc2\x9b";
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_info("%s", evil);
	capture_end(&capture);
	document = capture_line(&capture);
	assert_string_equal(log_member(document, "message"), evil);
	assert_string_equal(log_member(document, "level"), "info");
	for (ssize_t i = 0; i < capture.len - 1; i++) {
		assert_true((unsigned char)capture.text[i] >= 0x20);
		assert_int_not_equal(capture.text[i], 0x7F);
		assert_int_not_equal((unsigned char)capture.text[i], 0x9B);
	}
}

static void log_every_byte_becomes_text(void **state)
{
	struct capture capture;
	char bytes[256];

	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = '\0';
	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_info("%s", bytes);
	capture_end(&capture);
	json_document_free(capture_line(&capture));
	assert_true(utf8_valid(capture.text, (size_t)capture.len));
	assert_non_null(strstr(capture.text, "\xEF\xBF\xBD"));
}

static void log_line_on_a_terminal_is_text(void **state)
{
	struct capture capture;

	capture_terminal(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_error("two\nlines \x1b[31mred\" \xc2\x9b");
	capture_end(&capture);
	/* The terminal itself turns the final \n into \r\n. */
	assert_string_equal(capture.text + 24,
			    " ERROR two\\u000alines \\u001b[31mred\" \\u009b\r\n");
	assert_int_equal(capture.text[23], 'Z');
}

static void log_below_the_least_level_is_silent(void **state)
{
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_AUTO);
	log_info("no");
	log_debug("no");
	capture_end(&capture);
	assert_true(capture.len <= 0);

	capture_pipe(&capture);
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_AUTO);
	log_debug("yes");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "\"debug\""));
}

/* Each kind of filling, so that the cut falls on plain, escaped and multi-byte text. */
static void log_long_message_is_cut_to_one_whole_line(void **state)
{
	static const char *const fillings[] = {"a", "\x01", "\"", "\xE2\x82\xAC", "\xFF"};

	for (size_t f = 0; f < sizeof(fillings) / sizeof(fillings[0]); f++) {
		_cleanup_json_ struct json_document *document = NULL;
		static char text[12001];
		struct capture capture;
		const char *message;

		text[0] = '\0';
		for (size_t len = 0; len + 4 < sizeof(text); len += strlen(fillings[f]))
			strcpy(text + len, fillings[f]);
		capture_pipe(&capture);
		log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
		log_info("%s", text);
		capture_end(&capture);
		assert_in_range(capture.len, 2000, 4096);
		document = capture_line(&capture);
		message = log_member(document, "message");
		assert_string_equal(message + strlen(message) - 3, "...");
	}
}

static void log_leaves_errno_alone(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	errno = ENOSPC;
	log_error("write: %m");
	assert_int_equal(errno, ENOSPC);
	capture_end(&capture);
	document = capture_line(&capture);
	assert_string_equal(log_member(document, "message"), "write: No space left on device");
}

static void log_that_cannot_be_written_leaves_errno_alone(void **state)
{
	struct capture capture;
	int after;

	capture_pipe(&capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_error("nobody hears this");
	after = errno;
	capture_end(&capture);
	assert_int_equal(after, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_line_in_a_pipe_is_one_json_object),
		cmocka_unit_test(log_message_cannot_forge_lines_or_members),
		cmocka_unit_test(log_every_byte_becomes_text),
		cmocka_unit_test(log_line_on_a_terminal_is_text),
		cmocka_unit_test(log_below_the_least_level_is_silent),
		cmocka_unit_test(log_long_message_is_cut_to_one_whole_line),
		cmocka_unit_test(log_leaves_errno_alone),
		cmocka_unit_test(log_that_cannot_be_written_leaves_errno_alone),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
