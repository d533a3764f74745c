/* Who gives way: when a loop's connections hold too much memory, and when there are too many. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "httpd/httpd_priv.h"

void budget_settle(struct connection *c)
{
	size_t held = c->in_size + c->out.size;

	c->loop->held += held;
	c->loop->held -= c->held;
	c->held = held;
}

/* A small request or answer finds room always: there are only so many connections. */
static bool is_small(size_t held)
{
	return held <= HTTPD_SMALL_MAX;
}

static bool fits(const struct loop *loop, size_t more)
{
	return loop->held + more <= loop->held_max;
}

/* Its own event may still lie in the batch at hand, so it is freed by that or by the time. */
static void shed(struct connection *c)
{
	input_drop(c);
	buf_done(&c->out);
	budget_settle(c);
	c->out_sent = 0;
	c->shed = true;
	c->deadline_ms = c->loop->now_ms;
}

/* An exchange that is deferred borrows from what its connection holds. */
static bool can_shed(const struct connection *c)
{
	return (c->phase == PHASE_BODY || c->phase == PHASE_WRITING) && !c->shed &&
	       !is_small(c->held);
}

int budget_reserve(struct connection *c, size_t more)
{
	struct loop *loop = c->loop;

	if (is_small(c->held + more))
		return 0;
	for (struct connection *other = loop->oldest; other && !fits(loop, more);
	     other = other->younger) {
		if (other == c)
			break;
		if (can_shed(other))
			shed(other);
	}
	return fits(loop, more) ? 0 : -ENOBUFS;
}

static bool can_evict(const struct connection *c)
{
	if (c->phase == PHASE_LINGER)
		return c->loop->now_ms - c->entered_ms >= LINGER_LEAST_MS;
	return c->phase != PHASE_DEFERRED && c->phase != PHASE_STREAM;
}

bool budget_evict(struct loop *loop)
{
	struct connection *c = loop->oldest;

	while (c && !can_evict(c))
		c = c->younger;
	if (c)
		connection_free(c);
	return c != NULL;
}

bool budget_evict_phase(struct loop *loop, enum phase phase)
{
	struct connection *c = loop->oldest;

	while (c && c->phase != phase)
		c = c->younger;
	if (c)
		connection_free(c);
	return c != NULL;
}
