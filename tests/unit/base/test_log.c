/* Log lines are whole, of one line each, and nothing in a message can forge another. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/utf8.h"
#include "json/json.h"

/* What stderr was, and where it goes meanwhile. */
struct capture {
	int saved;
	int reader;
	char text[16384];
	ssize_t len;
};

static void begin_capture(struct capture *capture, int reader, int writer)
{
	capture->saved = dup(STDERR_FILENO);
	capture->reader = reader;
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	assert_true(dup2(writer, STDERR_FILENO) >= 0);
	close(writer);
}

static void begin_pipe(struct capture *capture)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	begin_capture(capture, fds[0], fds[1]);
}

static void begin_terminal(struct capture *capture)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	begin_capture(capture, master, slave);
}

static void end_capture(struct capture *capture)
{
	capture->len = read(capture->reader, capture->text, sizeof(capture->text) - 1);
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->reader);
	capture->text[capture->len < 0 ? 0 : capture->len] = '\0';
}

/* The message of the one JSON line that was captured; checks the line's form. */
static struct json_document *parse_line(const struct capture *capture)
{
	struct json_document *document = NULL;
	struct field_error error = {0};

	assert_true(capture->len > 0);
	assert_ptr_equal(strchr(capture->text, '\n'), capture->text + capture->len - 1);
	if (json_parse(capture->text, (size_t)capture->len, &error, &document) != 0)
		fail_msg("%s: %s", error.message, capture->text);
	return document;
}

static const char *member(const struct json_document *document, const char *name)
{
	return json_string(json_member(json_root(document), name), NULL);
}

static void log_line_in_a_pipe_is_one_json_object(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	begin_pipe(&capture);
	log_init(LOG_LEVEL_INFO);
	log_warning("disk is %d %% full", 97);
	end_capture(&capture);
	document = parse_line(&capture);
	assert_string_equal(member(document, "level"), "warning");
	assert_string_equal(member(document, "message"), "disk is 97 % full");
	assert_int_equal(strlen(member(document, "time")), 24);
}

static void log_message_cannot_forge_lines_or_members(void **state)
{
	static const char evil[] =
		"key \"x\",\"level\":\"error\"}\n{\"message\":\"forged\\\t\r\x1b[2J"
		"\x7f\xc2\x9b";
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	begin_pipe(&capture);
	log_init(LOG_LEVEL_INFO);
	log_info("%s", evil);
	end_capture(&capture);
	document = parse_line(&capture);
	assert_string_equal(member(document, "message"), evil);
	assert_string_equal(member(document, "level"), "info");
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
	begin_pipe(&capture);
	log_init(LOG_LEVEL_INFO);
	log_info("%s", bytes);
	end_capture(&capture);
	json_document_free(parse_line(&capture));
	assert_true(utf8_valid(capture.text, (size_t)capture.len));
	assert_non_null(strstr(capture.text, "\xEF\xBF\xBD"));
}

static void log_line_on_a_terminal_is_text(void **state)
{
	struct capture capture;

	begin_terminal(&capture);
	log_init(LOG_LEVEL_INFO);
	log_error("two\nlines \x1b[31mred\" \xc2\x9b");
	end_capture(&capture);
	/* The terminal itself turns the final \n into \r\n. */
	assert_string_equal(capture.text + 24,
			    " ERROR two\\u000alines \\u001b[31mred\" \\u009b\r\n");
	assert_int_equal(capture.text[23], 'Z');
}

static void log_below_the_least_level_is_silent(void **state)
{
	struct capture capture;

	begin_pipe(&capture);
	log_init(LOG_LEVEL_WARNING);
	log_info("no");
	log_debug("no");
	end_capture(&capture);
	assert_true(capture.len <= 0);

	begin_pipe(&capture);
	log_init(LOG_LEVEL_DEBUG);
	log_debug("yes");
	end_capture(&capture);
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
		begin_pipe(&capture);
		log_init(LOG_LEVEL_INFO);
		log_info("%s", text);
		end_capture(&capture);
		assert_in_range(capture.len, 2000, 4096);
		document = parse_line(&capture);
		message = member(document, "message");
		assert_string_equal(message + strlen(message) - 3, "...");
	}
}

static void log_leaves_errno_alone(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct capture capture;

	begin_pipe(&capture);
	log_init(LOG_LEVEL_INFO);
	errno = ENOSPC;
	log_error("write: %m");
	assert_int_equal(errno, ENOSPC);
	end_capture(&capture);
	document = parse_line(&capture);
	assert_string_equal(member(document, "message"), "write: No space left on device");
}

static void log_that_cannot_be_written_leaves_errno_alone(void **state)
{
	struct capture capture;
	int after;

	begin_pipe(&capture);
	log_init(LOG_LEVEL_INFO);
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_error("nobody hears this");
	after = errno;
	end_capture(&capture);
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
