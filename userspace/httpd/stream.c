/* Answers without an end: written from any thread, sent by the connection's loop. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "httpd/httpd_priv.h"

enum {
	/* Of the kernel: it would let a peer that does not read fill megabytes. */
	SEND_BUFFER = 65536,
	CHUNK_FRAME_MAX = 24, /* size in hex, and the two line ends */
};

static const char last_chunk[] = "0\r\n\r\n";

static void unref(struct httpd_stream *stream)
{
	if (atomic_fetch_sub(&stream->references, 1) != 1)
		return;
	buf_done(&stream->fresh);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

/* A peer whose host is gone acknowledges nothing: without a bound that is noticed after minutes. */
static void bound_socket(const struct connection *c)
{
	const unsigned int wait_ms = atomic_load(&c->loop->httpd->times.idle);
	const int size = SEND_BUFFER;

	setsockopt(c->transport.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(c->transport.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait_ms, sizeof(wait_ms));
}

static struct httpd_stream *new_stream(const struct httpd_exchange *exchange,
				       const struct httpd_stream_watch *watch)
{
	struct httpd_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	pthread_mutex_init(&stream->lock, NULL);
	atomic_init(&stream->references, 2);
	stream->loop = exchange->connection->loop;
	stream->connection = exchange->connection;
	stream->watch = *watch;
	stream->chunked = !exchange->http10;
	buf_init(&stream->fresh);
	return stream;
}

int httpd_stream_begin(struct httpd_exchange *exchange, const struct httpd_answer *answer,
		       const struct httpd_stream_watch *watch, struct httpd_stream **ret)
{
	struct connection *c = exchange->connection;
	struct httpd_stream *stream = NULL;

	assert(exchange->request.refused_status == 0 && !exchange->answered && !c->exchange);
	assert(answer->body.len == 0);
	if (!exchange->head_only) {
		stream = new_stream(exchange, watch);
		if (!stream)
			return -ENOMEM;
		bound_socket(c);
	}
	exchange->answered = true;
	exchange->endless = true;
	exchange->close |= answer->close || stream || atomic_load(&c->loop->httpd->draining);
	answer_write(c->loop, exchange, answer, exchange->close, &c->loop->out);
	c->stream = stream;
	*ret = stream;
	return 0;
}

/* Has the loop look at it. Under the stream's lock, so that the loop is there. */
static void tell_loop(struct httpd_stream *stream)
{
	struct loop *loop = stream->loop;

	if (stream->due)
		return;
	stream->due = true;
	atomic_fetch_add(&stream->references, 1);
	pthread_mutex_lock(&loop->inbox_lock);
	if (!loop->due)
		loop_wake(loop);
	stream->next_due = loop->due;
	loop->due = stream;
	pthread_mutex_unlock(&loop->inbox_lock);
}

/* All of it or nothing. */
static int put_event(struct httpd_stream *stream, const char *bytes, size_t len)
{
	struct buf *fresh = &stream->fresh;
	size_t before = fresh->len;

	if (stream->chunked)
		buf_printf(fresh, "%zx\r\n", len);
	buf_put(fresh, bytes, len);
	if (stream->chunked)
		buf_put_str(fresh, "\r\n");
	if (fresh->failed) {
		fresh->failed = false;
		fresh->len = before;
		return -ENOMEM;
	}
	stream->unsent += fresh->len - before;
	return 0;
}

int httpd_stream_write(struct httpd_stream *stream, const char *bytes, size_t len)
{
	int err = 0;

	pthread_mutex_lock(&stream->lock);
	if (!stream->connection)
		err = -EPIPE;
	else if (stream->unsent + len + CHUNK_FRAME_MAX > HTTPD_STREAM_MAX)
		err = -EAGAIN;
	else if (len > 0)
		err = put_event(stream, bytes, len);
	if (!err && len > 0)
		tell_loop(stream);
	pthread_mutex_unlock(&stream->lock);
	return err;
}

void httpd_stream_end(struct httpd_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->watch.gone = NULL;
	stream->ended = true;
	if (stream->connection)
		tell_loop(stream);
	pthread_mutex_unlock(&stream->lock);
	unref(stream);
}

bool stream_take(struct httpd_stream *stream, struct buf *out)
{
	bool any;

	pthread_mutex_lock(&stream->lock);
	any = stream->fresh.len > 0;
	if (any) {
		buf_done(out);
		*out = stream->fresh;
		buf_init(&stream->fresh);
	}
	pthread_mutex_unlock(&stream->lock);
	return any;
}

void stream_report(struct httpd_stream *stream, size_t unsent)
{
	pthread_mutex_lock(&stream->lock);
	stream->unsent = stream->fresh.len + unsent;
	pthread_mutex_unlock(&stream->lock);
}

void stream_detach(struct connection *c, struct buf *out)
{
	struct httpd_stream *stream = c->stream;

	pthread_mutex_lock(&stream->lock);
	if (out) {
		buf_put(out, stream->fresh.data, stream->fresh.len);
		if (stream->chunked)
			buf_put_str(out, last_chunk);
	}
	stream->connection = NULL;
	if (stream->watch.gone)
		stream->watch.gone(stream->watch.data);
	stream->watch.gone = NULL;
	pthread_mutex_unlock(&stream->lock);
	c->stream = NULL;
	unref(stream);
}

void stream_on_due(struct httpd_stream *stream)
{
	struct connection *c;
	bool ended;

	pthread_mutex_lock(&stream->lock);
	stream->due = false;
	c = stream->connection;
	ended = stream->ended;
	pthread_mutex_unlock(&stream->lock);
	if (c)
		connection_on_stream(c, ended);
	unref(stream);
}
