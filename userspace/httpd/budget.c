/* Who gives way: when a loop's connections hold too much memory, and when there are too many. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "httpd/httpd_priv.h"

static size_t held_by(const struct loop *loop)
{
	return atomic_load_explicit(&loop->held, memory_order_relaxed);
}

static void note_displaced(struct loop *loop)
{
	atomic_fetch_add_explicit(&loop->displaced, 1, memory_order_relaxed);
}

void budget_settle(struct connection *c)
{
	size_t held = c->in_size + c->out.size, all = held_by(c->loop);

	/* Only this thread writes it. */
	atomic_store_explicit(&c->loop->held, all + held - c->held, memory_order_relaxed);
	c->held = held;
}

/* A small request or answer finds room always: there are only so many connections. */
static bool is_small(size_t held)
{
	return held <= HTTPD_SMALL_MAX;
}

static bool fits(const struct loop *loop, size_t more)
{
	return held_by(loop) + more <= loop->held_max;
}

/* Its own event may still lie in the batch at hand, so it is freed by that or by the time. */
static void shed(struct connection *c)
{
	input_drop(c);
	buf_done(&c->out);
	budget_settle(c);
	c->out_sent = 0;
	c->shed = true;
	note_displaced(c->loop);
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
	if (!c)
		return false;
	connection_free(c);
	note_displaced(loop);
	return true;
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
