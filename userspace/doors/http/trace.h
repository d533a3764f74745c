/* W3C Trace Context (level 1): which trace a request says it is part of. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "httpd/httpd.h"

enum {
	TRACE_ID_SIZE = 33, /* 32 lower-case hex digits and a NUL */
	TRACE_PARENT_SIZE = 17,
};

struct trace {
	char trace_id[TRACE_ID_SIZE];
	char parent_id[TRACE_PARENT_SIZE]; /* the caller's span */
};

/*
 * Reads traceparent: "00-<trace-id>-<parent-id>-<flags>". Of a version that is not known yet, what
 * this version has, as long as nothing or a further `-` follows. False, and to be ignored: anything
 * else, also ids that are all 0 and version ff.
 */
bool trace_parse(struct httpd_text traceparent, struct trace *ret);
