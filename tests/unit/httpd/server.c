/* Starts a server on a free port of 127.0.0.1, with deadlines of tens of milliseconds. */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "unit/httpd/certificate.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

/* What a handler put off: the test's threads take the oldest. */
struct shelf {
	pthread_mutex_t lock;
	pthread_cond_t more;
	void *at[SERVER_DEFERRED_MAX];
	unsigned int n;
};

#define SHELF                                                                       \
	{                                                                           \
		.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER \
	}
static struct shelf deferred = SHELF, streams = SHELF;

static atomic_uint gone;
static atomic_uint count;
static sem_t held, released;
static atomic_ulong last_thread;

static bool text_is(struct httpd_text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.text, word, text.len) == 0;
}

static void describe(const struct httpd_request *request, struct buf *out)
{
	size_t size;

	if (text_is(request->path, "/count")) {
		buf_put_u64(out, atomic_load(&count));
		return;
	}
	if (text_is(request->path, "/big")) {
		size = strtoul(request->query.text, NULL, 10);
		memset(buf_reserve(out, size), 'b', size);
		buf_advance(out, size);
		return;
	}
	if (text_is(request->path, "/peer")) {
		char peer[HTTPD_PEER_SIZE];
		uint16_t port = httpd_peer_format(request->peer, peer);

		buf_printf(out, "%s %u", peer, port);
		return;
	}
	buf_put(out, request->method.text, request->method.len);
	buf_put_char(out, ' ');
	buf_put(out, request->path.text, request->path.len);
	if (request->query.text) {
		buf_put_char(out, '?');
		buf_put(out, request->query.text, request->query.len);
	}
	buf_put_str(out, " headers=");
	buf_put_u64(out, request->n_headers);
	for (size_t i = 0; i < request->n_headers; i++)
		if (request->headers[i].name.len == 1) {
			buf_put_char(out, ' ');
			buf_put(out, request->headers[i].value.text, request->headers[i].value.len);
		}
	buf_put_str(out, " [");
	buf_put(out, request->body.text, request->body.len);
	buf_put_str(out, "]");
}

static void put_on(struct shelf *shelf, void *item)
{
	pthread_mutex_lock(&shelf->lock);
	shelf->at[shelf->n++] = item;
	pthread_cond_signal(&shelf->more);
	pthread_mutex_unlock(&shelf->lock);
}

/* NULL: none in that time. */
static void *take_from(struct shelf *shelf, unsigned int wait_ms)
{
	struct timespec until;
	void *item = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&shelf->lock);
	while (shelf->n == 0)
		if (pthread_cond_timedwait(&shelf->more, &shelf->lock, &until))
			break;
	if (shelf->n) {
		item = shelf->at[0];
		shelf->n--;
		memmove(shelf->at, shelf->at + 1, shelf->n * sizeof(shelf->at[0]));
	}
	pthread_mutex_unlock(&shelf->lock);
	return item;
}

struct httpd_exchange *server_wait_deferred(unsigned int wait_ms)
{
	return take_from(&deferred, wait_ms);
}

struct httpd_exchange *server_take_deferred(void)
{
	struct httpd_exchange *exchange = server_wait_deferred(5000);

	assert_non_null(exchange);
	return exchange;
}

struct httpd_stream *server_wait_stream(unsigned int wait_ms)
{
	return take_from(&streams, wait_ms);
}

struct httpd_stream *server_take_stream(void)
{
	struct httpd_stream *stream = server_wait_stream(5000);

	assert_non_null(stream);
	return stream;
}

static void note_gone(void *data)
{
	atomic_fetch_add((atomic_uint *)data, 1);
}

static void begin_stream(struct httpd_exchange *exchange)
{
	const struct httpd_answer answer = {.status = 200, .headers = {"X-Stream: 1\r\n", 13}};
	const struct httpd_stream_watch watch = {.gone = note_gone, .data = &gone};
	struct httpd_stream *stream;

	if (httpd_stream_begin(exchange, &answer, &watch, &stream) == 0 && stream)
		put_on(&streams, stream);
}

unsigned int server_gone(void)
{
	return atomic_load(&gone);
}

void server_answer(struct httpd_exchange *exchange)
{
	struct httpd_answer answer = {.status = 200, .headers = {"X-Late: 1\r\n", 11}};
	struct buf text;

	buf_init(&text);
	describe(httpd_request_of(exchange), &text);
	answer.body = (struct httpd_text){text.data, text.len};
	httpd_answer_deferred(exchange, &answer);
	buf_done(&text);
}

static bool is_deferred(const struct httpd_request *request)
{
	return text_is(request->path, "/defer") || text_is(request->path, "/large/defer");
}

/* A fixed buffer for small answers: the test of allocations looks on. */
static void handle(struct httpd_exchange *exchange, const struct httpd_request *request, void *data)
{
	struct httpd_answer answer = {.status = 200};
	char memory[4096];
	struct buf text;

	(void)data;
	atomic_fetch_add(&count, 1);
	atomic_store(&last_thread, (unsigned long)pthread_self());
	if (!request->refused_status && is_deferred(request)) {
		struct httpd_exchange *kept = httpd_defer(exchange);

		answer.status = 503;
		if (kept)
			put_on(&deferred, kept);
		else
			httpd_answer(exchange, &answer);
		return;
	}
	if (!request->refused_status && text_is(request->path, "/stream")) {
		begin_stream(exchange);
		return;
	}
	if (text_is(request->path, "/hold")) {
		sem_post(&held);
		sem_wait(&released);
	}
	if (text_is(request->path, "/big"))
		buf_init(&text);
	else
		buf_init_fixed(&text, memory, sizeof(memory));
	if (request->refused_status) {
		answer.status = request->refused_status;
		buf_put(&text, request->method.text, request->method.len);
		buf_put_char(&text, ' ');
		buf_put(&text, request->path.text, request->path.len);
		if (text.failed)
			buf_clear(&text);
	} else {
		describe(request, &text);
		if (text.failed) {
			buf_clear(&text);
			buf_put_str(&text, "long");
		}
	}
	answer.close = text_is(request->path, "/close");
	if (text_is(request->path, "/204"))
		answer.status = 204;
	answer.body = (struct httpd_text){text.data, text.len};
	httpd_answer(exchange, &answer);
	buf_done(&text);
}

static size_t body_max(const struct httpd_request *request, void *data)
{
	(void)data;
	return request->path.len >= 6 && memcmp(request->path.text, "/large", 6) == 0 ?
		       4 << 20 :
		       SERVER_BODY_MAX;
}

static struct httpd_tls *tls;

void server_use_tls(void)
{
	struct certificate certificate;

	certificate_make(&certificate, NULL);
	assert_int_equal(httpd_tls_new(certificate.cert, certificate.key, NULL, &tls), 0);
	certificate_remove(&certificate);
	client_speak_tls();
}

struct httpd_config server_config(void)
{
	static const struct sockaddr_in address = {.sin_family = AF_INET,
						   .sin_addr.s_addr = 0x0100007f};

	return (struct httpd_config){
		.address = (const struct sockaddr *)&address,
		.address_len = sizeof(address),
		.threads = 1,
		.connections_max = 100,
		.memory_max = 64 << 20,
		.header_timeout_ms = 5000,
		.body_timeout_ms = 5000,
		.idle_timeout_ms = 5000,
		.tls = tls,
		.handler = {.handle = handle, .body_max = body_max},
	};
}

void server_start(struct server *server, const struct httpd_config *config)
{
	atomic_store(&count, 0);
	atomic_store(&gone, 0);
	sem_init(&held, 0, 0);
	sem_init(&released, 0, 0);
	assert_int_equal(httpd_new(config, &server->httpd), 0);
	server->port = httpd_port(server->httpd);
	assert_true(server->port != 0);
}

void server_stop(struct server *server)
{
	httpd_free(server->httpd);
}

unsigned int server_connections(const struct server *server)
{
	struct httpd_room room;

	httpd_room(server->httpd, &room);
	return room.connections;
}

unsigned int server_count(void)
{
	return atomic_load(&count);
}

unsigned long server_last_thread(void)
{
	return atomic_load(&last_thread);
}

void server_wait_held(void)
{
	sem_wait(&held);
}

void server_release(void)
{
	sem_post(&released);
}
