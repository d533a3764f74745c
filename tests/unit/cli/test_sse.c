/* Server-sent events: every way to write them down, cut into pieces anywhere. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/sse_priv.h"

/* Events as "name=data;". */
static bool note(const char *name, const char *text, size_t len, void *data)
{
	struct buf *seen = data;

	assert_int_equal(strlen(text), len);
	buf_printf(seen, "%s=%s;", name, text);
	return strcmp(name, "stop") != 0;
}

/* Whole, and a byte at a time. */
static void expect(const char *stream, const char *wanted)
{
	for (size_t step = 1; step <= 64; step += 63) {
		struct sse sse = {.has_data = false};
		size_t len = strlen(stream);
		struct buf seen;

		buf_init(&seen);
		buf_put_str(&seen, "");
		for (size_t at = 0; at < len; at += step)
			if (!sse_feed(&sse, stream + at, len - at < step ? len - at : step, note,
				      &seen))
				break;
		assert_string_equal(seen.data ? seen.data : "", wanted);
		buf_done(&seen);
		sse_done(&sse);
	}
}

static void events_are_read_in_every_spelling(void **state)
{
	expect("event: rates\ndata: {}\n\n", "rates={};");
	expect("event:rates\r\ndata:{}\r\n\r\n", "rates={};");
	expect("event: a\rdata: b\r\revent: c\rdata: d\r\r", "a=b;c=d;");
	expect("data: first\ndata: second\ndata\ndata:  two spaces\n\n",
	       "message=first\nsecond\n\n two spaces;");
	expect("\xef\xbb\xbf"
	       "retry: 2000\n\n:\n\n: a comment\n\nid: 7\ndata: x\n\n",
	       "message=x;");
	expect("data: x\n\nevent: only a name\n\ndata: y\n\n", "message=x;message=y;");
	expect("datax: no\neventually: no\ndata\n\n", "message=;");
}

static void event_without_its_empty_line_is_none(void **state)
{
	expect("event: rates\ndata: {}\n", "");
	expect("data: x\n\ndata: y", "message=x;");
}

static void reading_ends_when_told(void **state)
{
	expect("event: stop\ndata: 1\n\ndata: 2\n\n", "stop=1;");
}

static void new_connection_begins_anew(void **state)
{
	struct sse sse = {.has_data = false};
	struct buf seen;

	buf_init(&seen);
	assert_true(sse_feed(&sse, "event: a\ndata: 1\ndata: cut", 27, note, &seen));
	sse_reset(&sse);
	assert_true(sse_feed(&sse, "data: 2\n\n", 9, note, &seen));
	assert_string_equal(seen.data, "message=2;");
	buf_done(&seen);
	sse_done(&sse);
}

static void event_too_long_ends_the_reading(void **state)
{
	static char piece[65536];
	struct sse sse = {.has_data = false};
	unsigned int fed = 0;

	memset(piece, 'x', sizeof(piece));
	assert_true(sse_feed(&sse, "data: ", 6, note, NULL));
	while (fed < 1000 && sse_feed(&sse, piece, sizeof(piece), note, NULL))
		fed++;
	assert_int_equal(fed, SSE_EVENT_MAX / sizeof(piece) - 1);
	sse_done(&sse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_read_in_every_spelling),
		cmocka_unit_test(event_without_its_empty_line_is_none),
		cmocka_unit_test(reading_ends_when_told),
		cmocka_unit_test(new_connection_begins_anew),
		cmocka_unit_test(event_too_long_ends_the_reading),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
