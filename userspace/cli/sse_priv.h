/* Takes a stream of server-sent events (text/event-stream, WHATWG HTML 9.2) apart as it comes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum {
	SSE_EVENT_MAX = 4 << 20, /* bytes of one event */
};

/* Zero one to begin with. Ids and retry times are left out. */
struct sse {
	struct buf line; /* the beginning of one */
	struct buf data;
	struct buf name;
	bool after_cr; /* a LF would belong to the line end before it */
	bool has_data;
};

void sse_done(struct sse *sse);
/* Forgets what has come: a new connection begins. */
void sse_reset(struct sse *sse);
/*
 * Calls event for each whole event; texts are NUL-terminated and valid during the call. False when
 * event said so, when an event is too long, or for want of memory: nothing more can be read.
 */
bool sse_feed(struct sse *sse, const char *bytes, size_t len,
	      bool (*event)(const char *name, const char *text, size_t len, void *data),
	      void *data);
