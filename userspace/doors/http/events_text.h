/* Events as server-sent events (text/event-stream, WHATWG HTML 9.2), each with JSON as its data. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/buf.h"
#include "service/events.h"

enum {
	/* Bytes after which an event of rates tells no more keys, and then no more limits: an event
	 * must fit what a stream may hold for its peer, however long names and keys are. */
	EVENTS_TEXT_KEYS_MAX = 96 * 1024,
	EVENTS_TEXT_LIMITS_MAX = 160 * 1024,
};

void events_put_rates(const struct events_rates *rates, struct buf *out);
void events_put_decision(const struct events_decision *decision, struct buf *out);
/* That many events were not sent. */
void events_put_lost(uint64_t n, struct buf *out);
