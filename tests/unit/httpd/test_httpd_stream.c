/* Answers without an end: their framing, peers that are slow or gone, the drain. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define HOST      "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

#define HEAD_CHUNKED                                                             \
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" \
	"X-Stream: 1\r\n\r\n"

enum { SHORT_MS = 60, SLACK_MS = 400, EVENT_BYTES = 1000 };

static struct server server;

static void start(unsigned int idle_ms)
{
	struct httpd_config config = server_config();

	config.idle_timeout_ms = idle_ms;
	server_start(&server, &config);
}

static void say(struct httpd_stream *stream, const char *text)
{
	assert_int_equal(httpd_stream_write(stream, text, strlen(text)), 0);
}

/* The socket of a new stream, and the stream. */
static int open_stream(const char *request, struct httpd_stream **ret)
{
	int fd = client_connect(server.port);

	client_send_text(fd, request);
	*ret = server_take_stream();
	return fd;
}

/* Whether the condition comes true soon. */
#define SOON(condition)                                             \
	({                                                          \
		uint64_t until_ = client_now_ms() + CLIENT_WAIT_MS; \
		while (!(condition) && client_now_ms() < until_)    \
			usleep(1000);                               \
		(condition);                                        \
	})

static void stream_comes_in_chunks_and_ends_with_the_last(void **state)
{
	struct httpd_stream *stream;
	char *answer;
	int fd;

	start(5000);
	fd = open_stream(GET("/stream"), &stream);
	say(stream, "first");
	say(stream, "");
	say(stream, "and the second");
	httpd_stream_end(stream);
	answer = client_read_to_end(fd);
	assert_string_equal(answer, HEAD_CHUNKED "5\r\nfirst\r\ne\r\nand the second\r\n0\r\n\r\n");
	assert_int_equal(server_gone(), 0);
	free(answer);
	close(fd);
	server_stop(&server);
}

static void stream_to_http10_ends_with_the_connection(void **state)
{
	struct httpd_stream *stream;
	char *answer;
	int fd;

	start(5000);
	fd = open_stream("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &stream);
	say(stream, "first");
	say(stream, "second");
	httpd_stream_end(stream);
	answer = client_read_to_end(fd);
	assert_string_equal(answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Stream: 1\r\n\r\n"
				    "firstsecond");
	free(answer);
	close(fd);
	server_stop(&server);
}

static void head_is_answered_without_a_stream(void **state)
{
	char *answers;
	int fd;

	start(5000);
	fd = client_connect(server.port);
	client_send_text(fd, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n" GET("/close"));
	answers = client_read_to_end(fd);
	assert_non_null(strstr(answers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
					"X-Stream: 1\r\n\r\nHTTP/1.1 200 OK\r\n"));
	assert_null(server_wait_stream(0));
	free(answers);
	close(fd);
	server_stop(&server);
}

/* What stands before it in the pipeline is answered first; what stands behind it never. */
static void pipeline_ends_at_the_stream(void **state)
{
	struct httpd_stream *stream;
	char *answer;
	int fd;

	start(5000);
	fd = open_stream(GET("/1") GET("/stream") GET("/2"), &stream);
	say(stream, "event");
	for (int i = 0; i < 100; i++)
		client_send_text(fd, GET("/3"));
	say(stream, "last");
	httpd_stream_end(stream);
	answer = client_read_to_end(fd);
	assert_non_null(strstr(answer, "GET /1 headers=1 []" HEAD_CHUNKED
				       "5\r\nevent\r\n4\r\nlast\r\n0\r\n\r\n"));
	assert_int_equal(server_count(), 2);
	free(answer);
	close(fd);
	server_stop(&server);
}

static void quiet_stream_outlives_every_deadline(void **state)
{
	struct httpd_config config = server_config();
	struct httpd_stream *stream;
	int fd;

	config.idle_timeout_ms = SHORT_MS;
	config.header_timeout_ms = SHORT_MS;
	config.body_timeout_ms = SHORT_MS;
	server_start(&server, &config);
	fd = open_stream(GET("/stream"), &stream);
	free(client_read_answers(fd, 1));
	assert_false(client_sees_end(fd, 4 * SHORT_MS));
	say(stream, "still there");
	assert_false(client_sees_end(fd, 4 * SHORT_MS));
	assert_int_equal(server_gone(), 0);
	httpd_stream_end(stream);
	close(fd);
	server_stop(&server);
}

/* Numbered events, until the peer is behind. Returns how many were taken. */
static unsigned int fill(struct httpd_stream *stream, char events[EVENT_BYTES + 1])
{
	unsigned int n = 0;
	int err, refused = 0;

	/* What is refused once may fit once more when the loop has sent some. */
	while (refused < 50) {
		snprintf(events, EVENT_BYTES + 1, "%0*u", EVENT_BYTES, n);
		err = httpd_stream_write(stream, events, EVENT_BYTES);
		assert_true(err == 0 || err == -EAGAIN);
		n += err == 0;
		refused = err ? refused + 1 : 0;
		if (err)
			usleep(1000);
	}
	return n;
}

static int open_deaf(struct httpd_stream **ret)
{
	int fd = open_stream(GET("/stream"), ret), size = 16384;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void peer_that_is_behind_gets_whole_events_only(void **state)
{
	char event[EVENT_BYTES + 1], framed[EVENT_BYTES + 16];
	struct httpd_stream *stream;
	const char *at;
	unsigned int n;
	char *answer;
	int fd;

	start(5000);
	fd = open_deaf(&stream);
	n = fill(stream, event);
	/* What the kernel holds for both ends is bounded as well. */
	assert_in_range(n * EVENT_BYTES, HTTPD_STREAM_MAX / 2, HTTPD_STREAM_MAX + (1 << 20));
	httpd_stream_end(stream);
	answer = client_read_to_end(fd);
	at = strstr(answer, "\r\n\r\n") + 4;
	for (unsigned int i = 0; i < n; i++) {
		int len = snprintf(framed, sizeof(framed), "%x\r\n%0*u\r\n", EVENT_BYTES,
				   EVENT_BYTES, i);

		assert_int_equal(strncmp(at, framed, (size_t)len), 0);
		at += len;
	}
	assert_string_equal(at, "0\r\n\r\n");
	free(answer);
	close(fd);
	server_stop(&server);
}

static void peer_that_takes_nothing_is_cut_off(void **state)
{
	static const char event[EVENT_BYTES];
	struct httpd_stream *stream;
	int fd;

	start(SHORT_MS);
	fd = open_deaf(&stream);
	assert_true(SOON(httpd_stream_write(stream, event, EVENT_BYTES) == -EPIPE));
	assert_int_equal(server_gone(), 1);
	assert_true(SOON(server_connections(&server) == 0));
	httpd_stream_end(stream);
	close(fd);
	server_stop(&server);
}

static void peer_that_goes_away_is_noticed_at_once(void **state)
{
	static const struct linger reset = {.l_onoff = 1};
	struct httpd_stream *stream;
	int fd;

	start(5000);
	for (int i = 0; i < 3; i++) {
		fd = open_stream(GET("/stream"), &stream);
		if (i == 1)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (i == 2)
			shutdown(fd, SHUT_WR);
		else
			close(fd);
		assert_true(SOON(server_gone() == (unsigned int)i + 1));
		assert_int_equal(httpd_stream_write(stream, "x", 1), -EPIPE);
		httpd_stream_end(stream);
		if (i == 2)
			close(fd);
	}
	assert_true(SOON(server_connections(&server) == 0));
	server_stop(&server);
}

/* Unread requests of a peer that floods us must not hide its end. */
static void peer_that_floods_and_goes_is_noticed(void **state)
{
	char junk[4096];
	struct httpd_stream *stream;
	int fd;

	start(5000);
	fd = open_stream(GET("/stream"), &stream);
	memset(junk, 'x', sizeof(junk));
	for (int i = 0; i < 2000; i++)
		client_send(fd, junk, sizeof(junk));
	say(stream, "event");
	assert_int_equal(server_gone(), 0);
	close(fd);
	assert_true(SOON(server_gone() == 1));
	httpd_stream_end(stream);
	server_stop(&server);
}

static void drain_ends_streams_with_the_last_chunk(void **state)
{
	struct httpd_stream *stream;
	char *answer;
	int fd;

	start(60000);
	fd = open_stream(GET("/stream"), &stream);
	say(stream, "event");
	httpd_drain(server.httpd, 0);
	answer = client_read_to_end(fd);
	assert_string_equal(answer, HEAD_CHUNKED "5\r\nevent\r\n0\r\n\r\n");
	assert_true(SOON(server_gone() == 1));
	assert_int_equal(httpd_stream_write(stream, "x", 1), -EPIPE);
	httpd_stream_end(stream);
	free(answer);
	close(fd);
	server_stop(&server);
}

/* It has all, and neither reads it nor closes. */
static void drain_waits_half_a_second_for_a_peer_that_does_not_leave(void **state)
{
	struct httpd_stream *stream;
	uint64_t from;
	int fd;

	start(60000);
	fd = open_stream(GET("/stream"), &stream);
	say(stream, "event");
	from = client_now_ms();
	httpd_drain(server.httpd, 5000);
	assert_in_range(client_now_ms() - from, 400, 1900);
	assert_int_equal(server_connections(&server), 0);
	httpd_stream_end(stream);
	close(fd);
	server_stop(&server);
}

static void drain_waits_half_a_second_for_a_peer_that_does_not_read(void **state)
{
	char event[EVENT_BYTES + 1];
	struct httpd_stream *stream;
	uint64_t from;
	int fd;

	start(60000);
	fd = open_deaf(&stream);
	fill(stream, event);
	from = client_now_ms();
	httpd_drain(server.httpd, 5000);
	assert_in_range(client_now_ms() - from, 400, 2000);
	assert_int_equal(server_connections(&server), 0);
	httpd_stream_end(stream);
	close(fd);
	server_stop(&server);
}

static void stream_may_be_ended_after_the_server(void **state)
{
	struct httpd_stream *stream;
	int fd;

	start(5000);
	fd = open_stream(GET("/stream"), &stream);
	say(stream, "event");
	server_stop(&server);
	assert_int_equal(server_gone(), 1);
	assert_int_equal(httpd_stream_write(stream, "x", 1), -EPIPE);
	httpd_stream_end(stream);
	close(fd);
}

/* Streams are not idle: newcomers without room do not push them out. */
static void stream_keeps_its_place(void **state)
{
	struct httpd_config config = server_config();
	struct httpd_stream *stream;
	char *answer;
	int fd, other;

	config.connections_max = 1;
	server_start(&server, &config);
	fd = open_stream(GET("/stream"), &stream);
	other = client_connect(server.port);
	client_send_text(other, GET("/"));
	answer = client_read_to_end(other);
	assert_non_null(strstr(answer, "HTTP/1.1 503 "));
	free(answer);
	say(stream, "event");
	assert_int_equal(server_gone(), 0);
	httpd_stream_end(stream);
	close(other);
	close(fd);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_comes_in_chunks_and_ends_with_the_last),
		cmocka_unit_test(stream_to_http10_ends_with_the_connection),
		cmocka_unit_test(head_is_answered_without_a_stream),
		cmocka_unit_test(pipeline_ends_at_the_stream),
		cmocka_unit_test(quiet_stream_outlives_every_deadline),
		cmocka_unit_test(peer_that_is_behind_gets_whole_events_only),
		cmocka_unit_test(peer_that_takes_nothing_is_cut_off),
		cmocka_unit_test(peer_that_goes_away_is_noticed_at_once),
		cmocka_unit_test(peer_that_floods_and_goes_is_noticed),
		cmocka_unit_test(drain_ends_streams_with_the_last_chunk),
		cmocka_unit_test(drain_waits_half_a_second_for_a_peer_that_does_not_leave),
		cmocka_unit_test(drain_waits_half_a_second_for_a_peer_that_does_not_read),
		cmocka_unit_test(stream_may_be_ended_after_the_server),
	};
	/* An answer before any handshake. */
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(stream_keeps_its_place),
	};
	int failed = cmocka_run_group_tests_name("httpd_stream, plain only", plain, NULL, NULL);

	failed += cmocka_run_group_tests_name("httpd_stream", tests, NULL, NULL);
	server_use_tls();
	return failed + cmocka_run_group_tests_name("httpd_stream over TLS", tests, NULL, NULL);
}
