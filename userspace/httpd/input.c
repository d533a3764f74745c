/* Reads a connection, keeps what is not whole, and hands over the requests. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "httpd/httpd_priv.h"

void input_drop(struct connection *c)
{
	free(c->in);
	c->in = NULL;
	c->in_len = 0;
	c->in_size = 0;
	budget_settle(c);
}

/* Room for at least `size` bytes in the connection's own buffer. 0, -ENOMEM or -ENOBUFS. */
static int reserve_in(struct connection *c, size_t size)
{
	char *in;
	int err;

	if (c->in && size <= c->in_size)
		return 0;
	size = size < 1024 ? 1024 : size + size / 2;
	err = budget_reserve(c, size - c->in_size);
	if (err)
		return err;
	in = realloc(c->in, size);
	if (!in)
		return -ENOMEM;
	c->in = in;
	c->in_size = size;
	budget_settle(c);
	return 0;
}

/* A large body's buffer is not left to the next request. */
static void shrink_in(struct connection *c)
{
	size_t size = c->in_len + READ_MIN;
	char *in;

	if (c->in_size <= LOOP_BUFFER_SIZE || c->in_size / 4 < size)
		return;
	in = realloc(c->in, size);
	if (!in)
		return;
	c->in = in;
	c->in_size = size;
	budget_settle(c);
}

int input_keep(struct connection *c, char *base, size_t at, size_t len)
{
	/* The loop's buffer is read into only while we have none. */
	bool ours = c->in != NULL;
	int err;

	assert(base && (!ours || (base >= c->in && base < c->in + c->in_size)));
	if (at == len) {
		input_drop(c);
		return 0;
	}
	err = ours ? 0 : reserve_in(c, len - at);
	if (err)
		return err;
	if (base + at != c->in)
		memmove(c->in, base + at, len - at);
	c->in_len = len - at;
	if (ours && (at || base != c->in))
		shrink_in(c);
	return 0;
}

static void promise_body(struct connection *c)
{
	if (c->phase != PHASE_HEAD)
		return;
	connection_enter(c, PHASE_BODY);
	if (!c->parse.expect_continue)
		return;
	buf_put_str(&c->loop->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->parse.expect_continue = false;
}

/* Feeds what lies at base and returns whether a request ends in it. Lowers len to what to keep. */
static bool feed(struct connection *c, char *base, size_t *len)
{
	if (c->phase == PHASE_IDLE)
		connection_enter(c, PHASE_HEAD);
	parse_feed(&c->parse, c->loop->httpd, base, *len);
	if (c->parse.complete || c->parse.refused_status)
		return true;
	*len = c->parse.fed;
	if (c->parse.head_complete)
		promise_body(c);
	return false;
}

/*
 * Answers the whole requests among the len bytes at base, which are the loop's or our own, and
 * keeps the rest, which is more of them when *ret_more. Returns as connection_settle() does.
 */
static bool take_some(struct connection *c, char *base, size_t len, bool *ret_more)
{
	struct buf *out = &c->loop->out;
	size_t at = 0, skipped, rest, work = 0;

	*ret_more = false;
	buf_clear(out);
	while (at < len && !c->close_after_write) {
		if (work >= TURN_WORK || out->len >= OUT_MAX) {
			*ret_more = true;
			break;
		}
		if (c->parse.fed == 0) {
			skipped = parse_skip_lines(base + at, len - at);
			if (skipped == SIZE_MAX)
				break;
			at += skipped;
		}
		rest = len - at;
		if (rest == 0 || !feed(c, base + at, &rest)) {
			len = at + rest;
			break;
		}
		if (exchange_hand_over(c, base + at, rest)) {
			if (c->stream)
				input_drop(c);
			connection_enter(c, c->stream ? PHASE_STREAM : PHASE_DEFERRED);
			return connection_settle(c);
		}
		at += c->parse.fed;
		work += 1 + c->parse.body_len / TURN_WORK_BYTES;
		parse_reset(&c->parse);
		connection_enter(c, PHASE_IDLE);
	}
	if (input_keep(c, base, c->close_after_write ? len : at, len)) {
		/* What was answered before goes out with it. */
		parse_refuse(&c->parse, 503, refused_for_memory);
		exchange_hand_over(c, base + at, len - at);
	}
	return connection_settle(c);
}

/* One turn; if there is more it waits for the next, so that a pipeline holds nobody up. */
static bool take_requests(struct connection *c, char *base, size_t len)
{
	bool more;

	if (!take_some(c, base, len, &more))
		return false;
	if (more)
		turn_join(c);
	return !more;
}

/* One recv behind what we have. Returns as take_requests() does; *ret_again: there may be more. */
static bool read_some(struct connection *c, bool until_end, bool *ret_again)
{
	char *base = c->loop->buffer;
	size_t room = LOOP_BUFFER_SIZE;
	bool more = false;
	ssize_t n;

	if (c->in_len == 0) {
		n = transport_recv(&c->transport, base, room, &more);
	} else if (reserve_in(c, c->in_len + READ_MIN)) {
		connection_refuse(c, 503, refused_for_memory);
		return false;
	} else {
		base = c->in;
		room = c->in_size - c->in_len;
		n = transport_recv(&c->transport, base + c->in_len, room, &more);
	}
	*ret_again = more || (n > 0 && until_end);
	if (n > 0)
		return take_requests(c, base, c->in_len + (size_t)n);
	if (n == -EAGAIN)
		return true;
	if (n == -EPROTOTYPE)
		connection_refuse(c, 400, "this port takes TLS: ask with https://");
	else
		connection_free(c);
	return false;
}

/* Reads until the transport has no more; the peer's end it tells only to those who ask again. */
bool input_read(struct connection *c, bool until_end)
{
	size_t most = c->in_len + WAKE_BYTES;
	bool again;

	for (int i = 0; i < READS_PER_WAKE && c->in_len < most; i++) {
		if (!read_some(c, until_end, &again))
			return false;
		if (!again)
			return true;
	}
	connection_rearm(c);
	return true;
}

void input_go_on(struct connection *c)
{
	if (!c->in_len || take_requests(c, c->in, c->in_len))
		input_read(c, true);
}
