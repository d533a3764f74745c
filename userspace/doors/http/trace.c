/* W3C Trace Context (level 1): which trace a request says it is part of. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doors/http/trace.h"

enum {
	VERSION_LEN = 2,
	TRACE_AT = VERSION_LEN + 1,
	PARENT_AT = TRACE_AT + TRACE_ID_SIZE,
	FLAGS_AT = PARENT_AT + TRACE_PARENT_SIZE,
	LEN = FLAGS_AT + 2,
};

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

bool trace_parse(struct httpd_text traceparent, struct trace *ret)
{
	char text[LEN + 1];

	if (traceparent.len < LEN)
		return false;
	memcpy(text, traceparent.text, LEN);
	text[LEN] = '\0';
	if (text[TRACE_AT - 1] != '-' || text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
		return false;
	if (!is_hex(text, VERSION_LEN) || !is_hex(text + TRACE_AT, TRACE_ID_SIZE - 1) ||
	    !is_hex(text + PARENT_AT, TRACE_PARENT_SIZE - 1) || !is_hex(text + FLAGS_AT, 2))
		return false;
	if (strncmp(text, "ff", VERSION_LEN) == 0 || is_zero(text + TRACE_AT, TRACE_ID_SIZE - 1) ||
	    is_zero(text + PARENT_AT, TRACE_PARENT_SIZE - 1))
		return false;
	if (traceparent.len > LEN && (is_zero(text, VERSION_LEN) || traceparent.text[LEN] != '-'))
		return false;
	text[PARENT_AT - 1] = text[FLAGS_AT - 1] = '\0';
	memcpy(ret->trace_id, text + TRACE_AT, TRACE_ID_SIZE);
	memcpy(ret->parent_id, text + PARENT_AT, TRACE_PARENT_SIZE);
	return true;
}
