/* One connection's life: read, hand over requests, write answers, time out, close. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd/httpd_priv.h"

static void enter_phase(struct connection *c, enum phase phase)
{
	const struct httpd_config *config = &c->loop->httpd->config;
	uint64_t now_ms = c->loop->now_ms;

	c->phase = phase;
	switch (phase) {
	case PHASE_IDLE:
	case PHASE_WRITING:
		c->deadline_ms = now_ms + config->idle_timeout_ms;
		break;
	case PHASE_HEAD:
		c->deadline_ms = now_ms + config->header_timeout_ms;
		break;
	case PHASE_BODY:
		c->deadline_ms = now_ms + config->body_timeout_ms;
		break;
	case PHASE_LINGER:
		c->deadline_ms = now_ms + LINGER_MS;
		break;
	case PHASE_DEFERRED:
		c->deadline_ms = 0;
		break;
	}
}

int connection_new(struct loop *loop, int fd, struct connection **ret)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->fd = fd;
	buf_init(&c->out);
	parse_reset(&c->parse);
	enter_phase(c, PHASE_HEAD);
	event.data.ptr = c;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(c);
		return -errno;
	}
	c->next = loop->connections;
	if (c->next)
		c->next->previous = c;
	loop->connections = c;
	*ret = c;
	return 0;
}

void connection_free(struct connection *c)
{
	if (c->previous)
		c->previous->next = c->next;
	else
		c->loop->connections = c->next;
	if (c->next)
		c->next->previous = c->previous;
	atomic_fetch_sub(&c->loop->count, 1);
	close(c->fd);
	if (c->exchange)
		buf_done(&c->exchange->late);
	free(c->exchange);
	free(c->in);
	buf_done(&c->out);
	free(c);
}

static void linger(struct connection *c)
{
	for (int i = 0; i < LINGER_READS; i++) {
		ssize_t n = recv(c->fd, c->loop->buffer, LOOP_BUFFER_SIZE, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			break;
	}
	connection_free(c);
}

/* Ends our side. The peer's unread bytes would turn a close into a reset that eats the answer. */
static void end_connection(struct connection *c)
{
	shutdown(c->fd, SHUT_WR);
	enter_phase(c, PHASE_LINGER);
	linger(c);
}

static void drop_in(struct connection *c)
{
	free(c->in);
	c->in = NULL;
	c->in_len = 0;
	c->in_size = 0;
}

/* Room for at least `size` bytes in the connection's own buffer. */
static int reserve_in(struct connection *c, size_t size)
{
	char *in;

	if (size <= c->in_size)
		return 0;
	size = size < 1024 ? 1024 : size + size / 2;
	in = realloc(c->in, size);
	if (!in)
		return -ENOMEM;
	c->in = in;
	c->in_size = size;
	return 0;
}

/* Keeps bytes [at, len) of base, which may be our own buffer, for later. */
static int keep_in(struct connection *c, char *base, size_t at, size_t len)
{
	int err;

	if (at == len) {
		drop_in(c);
		return 0;
	}
	if (base == c->in) {
		if (at)
			memmove(c->in, c->in + at, len - at);
	} else {
		err = reserve_in(c, len - at);
		if (err)
			return err;
		memcpy(c->in, base + at, len - at);
	}
	c->in_len = len - at;
	return 0;
}

/* Sends what lies in loop->out, behind what the socket has not taken yet. 0 or -errno. */
static int flush_answers(struct connection *c)
{
	struct buf *out = &c->loop->out;
	ssize_t n = 0;

	if (out->failed)
		return -ENOMEM;
	if (out->len == 0)
		return 0;
	if (c->out.len == 0)
		n = send(c->fd, out->data, out->len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (n < 0)
		n = 0;
	if ((size_t)n < out->len)
		buf_put(&c->out, out->data + n, out->len - (size_t)n);
	return c->out.failed ? -ENOMEM : 0;
}

void httpd_answer(struct httpd_exchange *exchange, const struct httpd_answer *answer)
{
	struct connection *c = exchange->connection;

	exchange->answered = true;
	exchange->close |= answer->close || atomic_load(&c->loop->httpd->draining);
	answer_write(c->loop, exchange, answer, exchange->close, &c->loop->out);
}

/* The loop's buffer is everybody's, so all that is not yet answered moves to our own. */
static int own_pending(struct connection *c)
{
	const char *base = c->parse.base;

	if (c->in && base >= c->in && base < c->in + c->in_size) {
		memmove(c->in, base, c->pending);
	} else {
		if (reserve_in(c, c->pending))
			return -ENOMEM;
		memcpy(c->in, base, c->pending);
	}
	c->in_len = c->pending;
	return 0;
}

struct httpd_exchange *httpd_defer(struct httpd_exchange *exchange)
{
	struct connection *c = exchange->connection;
	struct httpd_exchange *kept;

	assert(exchange->request.refused_status == 0);
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	if (own_pending(c)) {
		free(kept);
		return NULL;
	}
	*kept = *exchange;
	parse_view(&c->parse, c->in, c->parse.fed, kept);
	buf_init(&kept->late);
	c->exchange = kept;
	return kept;
}

const struct httpd_request *httpd_request_of(const struct httpd_exchange *exchange)
{
	return &exchange->request;
}

void httpd_answer_deferred(struct httpd_exchange *exchange, const struct httpd_answer *answer)
{
	struct connection *c = exchange->connection;
	struct loop *loop = c->loop;

	exchange->late_status = answer->status;
	exchange->late_headers_len = answer->headers.len;
	exchange->close |= answer->close;
	buf_put(&exchange->late, answer->headers.text, answer->headers.len);
	buf_put(&exchange->late, answer->body.text, answer->body.len);
	pthread_mutex_lock(&loop->inbox_lock);
	c->next_late = loop->late;
	loop->late = c;
	pthread_mutex_unlock(&loop->inbox_lock);
	loop_wake(loop);
}

/* Gives one request, whole or refused, to the handler. Returns whether it was deferred. */
static bool hand_over(struct connection *c, char *base, size_t len)
{
	const struct httpd_handler *handler = &c->loop->httpd->config.handler;
	struct httpd_exchange *exchange = &c->loop->exchange;
	bool refused = c->parse.refused_status != 0;

	c->parse.base = base;
	c->pending = len;
	exchange->connection = c;
	exchange->answered = false;
	parse_view(&c->parse, base, len, exchange);
	exchange->close = refused || !llhttp_should_keep_alive(&c->parse.llhttp);
	exchange->head_only = c->parse.target.len && c->parse.llhttp.method == HTTP_HEAD;
	exchange->http10 = c->parse.head_complete && c->parse.llhttp.http_minor == 0;
	handler->handle(exchange, &exchange->request, handler->data);
	assert(exchange->answered != (c->exchange != NULL));
	c->close_after_write = exchange->answered && exchange->close;
	return c->exchange != NULL;
}

/*
 * Sends what was written to loop->out. Returns whether the connection may take more requests:
 * else it waits for something, or is gone.
 */
static bool settle(struct connection *c)
{
	int err = flush_answers(c);

	if (c->phase == PHASE_DEFERRED) {
		c->broken |= err != 0;
		return false;
	}
	if (err) {
		connection_free(c);
		return false;
	}
	if (c->out.len) {
		enter_phase(c, PHASE_WRITING);
		return false;
	}
	if (c->close_after_write) {
		end_connection(c);
		return false;
	}
	return true;
}

static void promise_body(struct connection *c)
{
	if (c->phase != PHASE_HEAD)
		return;
	enter_phase(c, PHASE_BODY);
	if (c->parse.expect_continue && c->parse.llhttp.http_minor > 0)
		buf_put_str(&c->loop->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/*
 * Answers the whole requests among the len bytes at base, which are the loop's or our own, and
 * keeps the rest. Returns as settle() does.
 */
static bool take_requests(struct connection *c, char *base, size_t len)
{
	size_t at = 0;

	buf_clear(&c->loop->out);
	while (at < len && !c->close_after_write) {
		if (c->phase == PHASE_IDLE)
			enter_phase(c, PHASE_HEAD);
		parse_feed(&c->parse, c->loop->httpd, base + at, len - at);
		if (!c->parse.complete && !c->parse.refused_status) {
			if (c->parse.head_complete)
				promise_body(c);
			break;
		}
		if (hand_over(c, base + at, len - at)) {
			enter_phase(c, PHASE_DEFERRED);
			return settle(c);
		}
		at += c->parse.fed;
		parse_reset(&c->parse);
		enter_phase(c, PHASE_IDLE);
	}
	if (keep_in(c, base, c->close_after_write ? len : at, len)) {
		connection_free(c);
		return false;
	}
	return settle(c);
}

/*
 * Edge-triggered: reads until the socket is empty, which a short read shows as well as EAGAIN
 * does; only the peer's end shows as 0 alone. Returns whether the connection waits for more.
 */
static bool read_requests(struct connection *c, bool until_end)
{
	size_t room;
	ssize_t n;
	char *base;

	do {
		base = c->loop->buffer;
		room = LOOP_BUFFER_SIZE;
		if (c->in_len && reserve_in(c, c->in_len + READ_MIN)) {
			connection_free(c);
			return false;
		}
		if (c->in_len) {
			base = c->in;
			room = c->in_size - c->in_len;
		}
		n = recv(c->fd, base + c->in_len, room, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			connection_free(c);
			return false;
		}
		if (!take_requests(c, base, c->in_len + (size_t)n))
			return false;
	} while (n < 0 || (size_t)n == room || until_end);
	return true;
}

/* What was read before it had to wait, then what came meanwhile. */
static void go_on(struct connection *c)
{
	if (c->in_len && !take_requests(c, c->in, c->in_len))
		return;
	read_requests(c, true);
}

/* Sends what the socket did not take before. */
static void write_rest(struct connection *c)
{
	ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		connection_free(c);
		return;
	}
	if (n > 0)
		c->out_sent += (size_t)n;
	if (c->out_sent < c->out.len)
		return;
	buf_done(&c->out);
	buf_init(&c->out);
	c->out_sent = 0;
	if (c->close_after_write) {
		end_connection(c);
		return;
	}
	enter_phase(c, PHASE_IDLE);
	go_on(c);
}

void connection_on_event(struct connection *c, uint32_t events)
{
	if (c->phase == PHASE_DEFERRED) {
		c->broken |= (events & (EPOLLERR | EPOLLHUP)) != 0;
		return;
	}
	if (events & EPOLLERR)
		connection_free(c);
	else if (c->phase == PHASE_LINGER)
		linger(c);
	else if (c->phase == PHASE_WRITING)
		write_rest(c);
	else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		read_requests(c, events & (EPOLLRDHUP | EPOLLHUP));
}

void connection_on_late(struct connection *c)
{
	struct httpd_exchange *exchange = c->exchange;
	struct httpd_answer answer = {
		.status = exchange->late_status,
		.headers = {exchange->late.data, exchange->late_headers_len},
	};
	bool close = exchange->close || atomic_load(&c->loop->httpd->draining);
	size_t fed = c->parse.fed;

	if (c->broken || exchange->late.failed) {
		connection_free(c);
		return;
	}
	answer.body.len = exchange->late.len - exchange->late_headers_len;
	answer.body.text = exchange->late.data ? exchange->late.data + answer.headers.len : NULL;
	buf_clear(&c->loop->out);
	answer_write(c->loop, exchange, &answer, close, &c->loop->out);
	buf_done(&exchange->late);
	free(exchange);
	c->exchange = NULL;
	c->close_after_write = close;
	parse_reset(&c->parse);
	enter_phase(c, PHASE_IDLE);
	keep_in(c, c->in, close ? c->in_len : fed, c->in_len);
	if (settle(c))
		go_on(c);
}

/* Answers what there is of a request, and ends. */
static void refuse_rest(struct connection *c, unsigned int status, const char *reason)
{
	c->parse.refused_status = status;
	c->parse.refused_reason = reason;
	buf_clear(&c->loop->out);
	hand_over(c, c->in ? c->in : c->loop->buffer, c->in_len);
	drop_in(c);
	settle(c);
}

void connection_on_timeout(struct connection *c)
{
	if (c->phase == PHASE_BODY || (c->phase == PHASE_HEAD && c->in_len))
		refuse_rest(c, 408, "the request took too long to arrive");
	else
		connection_free(c);
}

void connection_on_drain(struct connection *c)
{
	if (c->phase != PHASE_IDLE && !(c->phase == PHASE_HEAD && !c->in_len))
		return;
	/* What lies in the socket was sent before the peer could know: it is answered. */
	if (read_requests(c, false) && !c->in_len)
		connection_free(c);
}

void connection_refuse(struct connection *c)
{
	refuse_rest(c, 503, "as many connections are open as there may be");
}
