/* One connection's life: its phases and deadlines, what is written, how it ends. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "httpd/httpd_priv.h"

const char refused_for_memory[] = "the server has no memory left for a request of this size";

static void leave_list(struct connection *c)
{
	*(c->older ? &c->older->younger : &c->loop->oldest) = c->younger;
	*(c->younger ? &c->younger->older : &c->loop->youngest) = c->older;
}

static void join_list(struct connection *c)
{
	c->older = c->loop->youngest;
	c->younger = NULL;
	*(c->older ? &c->older->younger : &c->loop->oldest) = c;
	c->loop->youngest = c;
}

static bool is_draining(const struct connection *c)
{
	return atomic_load(&c->loop->httpd->draining);
}

void connection_enter(struct connection *c, enum phase phase)
{
	struct httpd_times *times = &c->loop->httpd->times;
	uint64_t now_ms = c->loop->now_ms;

	if (c->younger) {
		leave_list(c);
		join_list(c);
	}
	c->phase = phase;
	c->entered_ms = now_ms;
	switch (phase) {
	case PHASE_WRITING:
		c->left = output_left(c);
		__attribute__((fallthrough));
	case PHASE_IDLE:
		c->deadline_ms = now_ms + atomic_load_explicit(&times->idle, memory_order_relaxed);
		break;
	case PHASE_HEAD:
		c->deadline_ms =
			now_ms + atomic_load_explicit(&times->header, memory_order_relaxed);
		break;
	case PHASE_BODY:
		c->deadline_ms = now_ms + atomic_load_explicit(&times->body, memory_order_relaxed);
		break;
	case PHASE_LINGER:
		c->deadline_ms = now_ms + (is_draining(c) ? DRAIN_WAIT_MS : LINGER_MS);
		break;
	case PHASE_DEFERRED:
	case PHASE_STREAM:
		c->deadline_ms = 0;
		break;
	}
}

static int watch(struct connection *c, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    .data.ptr = c};

	return epoll_ctl(c->loop->epoll_fd, operation, c->transport.fd, &event) < 0 ? -errno : 0;
}

int connection_new(struct loop *loop, const struct newcomer *from, struct connection **ret)
{
	struct connection *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	transport_init(&c->transport, from->fd, loop->httpd->encrypts ? &loop->httpd->tls : NULL);
	c->peer = from->peer;
	buf_init(&c->out);
	parse_reset(&c->parse);
	err = watch(c, EPOLL_CTL_ADD);
	if (err) {
		free(c);
		return err;
	}
	join_list(c);
	connection_enter(c, PHASE_HEAD);
	*ret = c;
	return 0;
}

void connection_free(struct connection *c)
{
	leave_list(c);
	turn_leave(c);
	if (c->stream)
		stream_detach(c, NULL);
	transport_done(&c->transport);
	atomic_fetch_sub(&c->loop->count, 1);
	if (c->exchange)
		buf_done(&c->exchange->late);
	free(c->exchange);
	input_drop(c);
	buf_done(&c->out);
	budget_settle(c);
	free(c);
}

void connection_rearm(struct connection *c)
{
	/* It fails only for want of memory in the kernel; then the deadline ends the wait. */
	(void)watch(c, EPOLL_CTL_MOD);
}

/* While we still write, the transport must see what comes. */
static ssize_t discard_some(struct connection *c)
{
	bool more;

	if (c->phase == PHASE_STREAM)
		return transport_recv(&c->transport, c->loop->buffer, LOOP_BUFFER_SIZE, &more);
	return transport_discard(&c->transport, c->loop->buffer, LOOP_BUFFER_SIZE);
}

/* Throws away what the peer sends. Returns whether the connection is still there. */
static bool discard_input(struct connection *c)
{
	for (int i = 0; i < READS_PER_WAKE; i++) {
		ssize_t n = discard_some(c);

		if (n == -EAGAIN)
			return true;
		if (n <= 0) {
			connection_free(c);
			return false;
		}
	}
	connection_rearm(c);
	return true;
}

/* Ends our side. The peer's unread bytes would turn a close into a reset that eats the answer. */
static void end_connection(struct connection *c)
{
	transport_end(&c->transport);
	connection_enter(c, PHASE_LINGER);
	discard_input(c);
}

/* A stream's peer has as long as an idle one to take something of what waits for it. */
static void watch_progress(struct connection *c, size_t sent)
{
	if (c->out.len == 0)
		c->deadline_ms = 0;
	else if (sent || !c->deadline_ms)
		c->deadline_ms = c->loop->now_ms + atomic_load(&c->loop->httpd->times.idle);
	stream_report(c->stream, c->out.len - c->out_sent);
	budget_settle(c);
}

bool connection_settle(struct connection *c)
{
	int err = output_flush(c);

	if (c->phase == PHASE_DEFERRED) {
		c->broken |= err != 0;
		return false;
	}
	if (err) {
		connection_free(c);
		return false;
	}
	if (c->phase == PHASE_STREAM) {
		watch_progress(c, 0);
		return false;
	}
	if (c->out.len) {
		connection_enter(c, PHASE_WRITING);
		return false;
	}
	if (c->close_after_write) {
		end_connection(c);
		return false;
	}
	return true;
}

static void write_on(struct connection *c)
{
	if (output_send_rest(c)) {
		connection_free(c);
		return;
	}
	if (c->out.len)
		return;
	if (c->close_after_write) {
		end_connection(c);
		return;
	}
	connection_enter(c, PHASE_IDLE);
	input_go_on(c);
}

static void stream_on(struct connection *c)
{
	size_t before, sent = 0;

	do {
		if (c->out.len == 0 && !stream_take(c->stream, &c->out))
			break;
		before = c->out.len - c->out_sent;
		if (output_send_rest(c)) {
			connection_free(c);
			return;
		}
		sent += before - (c->out.len - c->out_sent);
	} while (c->out.len == 0);
	watch_progress(c, sent);
}

/* What is left goes the way of any answer after which the connection closes. */
static void end_stream(struct connection *c)
{
	stream_detach(c, &c->out);
	if (c->out.failed) {
		connection_free(c);
		return;
	}
	connection_enter(c, PHASE_WRITING);
	if (is_draining(c))
		c->deadline_ms = c->loop->now_ms + DRAIN_WAIT_MS;
	write_on(c);
}

/* A peer that ends its side is taken for gone: who wants a stream waits for its end. */
static void watch_stream(struct connection *c)
{
	if (discard_input(c))
		stream_on(c);
}

void connection_on_stream(struct connection *c, bool ended)
{
	if (ended)
		end_stream(c);
	else
		stream_on(c);
}

/* Nothing is read; earlier answers of the pipeline go out. */
static void wait_for_late(struct connection *c, uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		c->broken = true;
	else if (c->out.len && !c->broken)
		c->broken = output_send_rest(c) != 0;
}

void connection_on_event(struct connection *c, uint32_t events)
{
	if (c->phase == PHASE_DEFERRED)
		wait_for_late(c, events);
	else if (c->phase == PHASE_STREAM)
		watch_stream(c);
	else if (c->shed)
		connection_on_timeout(c);
	else if (events & EPOLLERR)
		connection_free(c);
	else if (c->waits_turn)
		return; /* what has come is read then */
	else if (c->phase == PHASE_LINGER)
		discard_input(c);
	else if (c->phase == PHASE_WRITING)
		write_on(c);
	else if (transport_may_recv(&c->transport, events))
		input_read(c, events & (EPOLLRDHUP | EPOLLHUP));
}

void connection_on_late(struct connection *c)
{
	buf_clear(&c->loop->out);
	if (!exchange_write_late(c) || c->broken) {
		connection_free(c);
		return;
	}
	/* Keeping less of our own buffer cannot fail. */
	(void)input_keep(c, c->in, c->close_after_write ? c->in_len : c->parse.fed, c->in_len);
	parse_reset(&c->parse);
	connection_enter(c, PHASE_IDLE);
	if (connection_settle(c))
		input_go_on(c);
}

/* Answers what there is of a request, and ends. */
static void refuse_rest(struct connection *c, unsigned int status, const char *reason)
{
	parse_refuse(&c->parse, status, reason);
	buf_clear(&c->loop->out);
	exchange_hand_over(c, c->in ? c->in : c->loop->buffer, c->in_len);
	input_drop(c);
	connection_settle(c);
}

void connection_on_timeout(struct connection *c)
{
	static const struct linger reset = {.l_onoff = 1};

	if (c->phase == PHASE_WRITING && !c->shed && !is_draining(c) && output_extend(c))
		return;
	/* Else the kernel would go on offering the rest for minutes to a peer that does not read. */
	if (c->phase == PHASE_WRITING || c->phase == PHASE_STREAM)
		setsockopt(c->transport.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (c->phase == PHASE_BODY && c->shed)
		connection_refuse(c, 503, refused_for_memory);
	else if (c->phase == PHASE_BODY || (c->phase == PHASE_HEAD && c->in_len))
		refuse_rest(c, 408, "the request took too long to arrive");
	else
		connection_free(c);
}

void connection_on_drain(struct connection *c)
{
	bool fresh = c->phase == PHASE_HEAD && !c->in_len;

	if (c->phase == PHASE_STREAM) {
		end_stream(c);
		return;
	}
	if (c->phase != PHASE_IDLE && (!fresh || transport_in_handshake(&c->transport)))
		return;
	/* What lies in the socket was sent before the peer could know: it is answered. */
	if (input_read(c, false) && !c->in_len)
		connection_free(c);
}

void connection_refuse(struct connection *c, unsigned int status, const char *reason)
{
	/* What is known of its request may lie in a buffer that is gone. */
	parse_reset(&c->parse);
	refuse_rest(c, status, reason);
}
