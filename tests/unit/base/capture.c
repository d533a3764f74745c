/* Takes what a test writes to stderr, as a pipe or as a terminal would get it. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/base/capture.h"

static void begin(struct capture *capture, int reader, int writer)
{
	capture->saved = dup(STDERR_FILENO);
	capture->reader = reader;
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	assert_true(dup2(writer, STDERR_FILENO) >= 0);
	close(writer);
}

void capture_pipe(struct capture *capture)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	begin(capture, fds[0], fds[1]);
}

void capture_terminal(struct capture *capture)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	begin(capture, master, slave);
}

void capture_read(struct capture *capture)
{
	capture->len = read(capture->reader, capture->text, sizeof(capture->text) - 1);
	capture->text[capture->len < 0 ? 0 : capture->len] = '\0';
}

void capture_end(struct capture *capture)
{
	capture_read(capture);
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->reader);
}

struct json_document *capture_line(const struct capture *capture)
{
	struct json_document *document = NULL;
	struct field_error error = {0};

	assert_true(capture->len > 0);
	assert_ptr_equal(strchr(capture->text, '\n'), capture->text + capture->len - 1);
	if (json_parse(capture->text, (size_t)capture->len, &error, &document) != 0)
		fail_msg("%s: %s", error.message, capture->text);
	return document;
}

const char *log_member(const struct json_document *document, const char *name)
{
	return json_string(json_member(json_root(document), name), NULL);
}
