/* Takes a stream of server-sent events (text/event-stream, WHATWG HTML 9.2) apart as it comes. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/sse_priv.h"

void sse_done(struct sse *sse)
{
	buf_done(&sse->line);
	buf_done(&sse->data);
	buf_done(&sse->name);
}

static void forget_event(struct sse *sse)
{
	buf_clear(&sse->data);
	buf_clear(&sse->name);
	sse->has_data = false;
}

void sse_reset(struct sse *sse)
{
	buf_clear(&sse->line);
	sse->after_cr = false;
	forget_event(sse);
}

/* A field's value: behind the colon and one space, if it has any. NULL: another field. */
static const char *value_of(const struct buf *line, const char *field)
{
	size_t len = strlen(field);
	const char *at = line->data + len;

	if (line->len < len || memcmp(line->data, field, len) != 0)
		return NULL;
	if (*at == '\0')
		return at;
	if (*at != ':')
		return NULL;
	at++;
	return *at == ' ' ? at + 1 : at;
}

static void take_field(struct sse *sse)
{
	const char *end = sse->line.data + sse->line.len, *value;

	if ((value = value_of(&sse->line, "data"))) {
		if (sse->has_data)
			buf_put_char(&sse->data, '\n');
		buf_put(&sse->data, value, (size_t)(end - value));
		sse->has_data = true;
	} else if ((value = value_of(&sse->line, "event"))) {
		buf_clear(&sse->name);
		buf_put(&sse->name, value, (size_t)(end - value));
	}
}

/* Whether to go on. */
static bool take_line(struct sse *sse,
		      bool (*event)(const char *name, const char *text, size_t len, void *data),
		      void *data)
{
	bool go_on = true;

	if (sse->line.len > 0)
		take_field(sse);
	else if (sse->has_data)
		go_on = event(sse->name.len > 0 ? sse->name.data : "message",
			      sse->data.len > 0 ? sse->data.data : "", sse->data.len, data);
	/* An event ends with an empty line, also one that is nothing but a name. */
	if (sse->line.len == 0)
		forget_event(sse);
	buf_clear(&sse->line);
	return go_on && !sse->data.failed && !sse->name.failed;
}

bool sse_feed(struct sse *sse, const char *bytes, size_t len,
	      bool (*event)(const char *name, const char *text, size_t len, void *data), void *data)
{
	while (len > 0) {
		size_t n = 0;

		if (sse->after_cr && *bytes == '\n') {
			bytes++;
			len--;
		}
		sse->after_cr = false;
		while (n < len && bytes[n] != '\n' && bytes[n] != '\r')
			n++;
		buf_put(&sse->line, bytes, n);
		if (sse->line.failed || sse->line.len + sse->data.len > SSE_EVENT_MAX)
			return false;
		if (n == len)
			return true;
		sse->after_cr = bytes[n] == '\r';
		if (!take_line(sse, event, data))
			return false;
		bytes += n + 1;
		len -= n + 1;
	}
	return true;
}
