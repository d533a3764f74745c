/* How bytes flow: slices, pipelines, deferred answers, slow readers, half-closed peers. */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpd/httpd_priv.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define HOST      "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define OK(text)  "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n" text

static struct server server;

/* Fails unless these are the next answers, each 200 with the body given. */
static void expect_answers(int fd, const char *const *bodies, unsigned int n, const char *headers)
{
	char *answers = client_read_answers(fd, n);
	char expected[4000];
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len,
					"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n%s",
					strlen(bodies[i]), headers, bodies[i]);
	assert_string_equal(answers, expected);
	free(answers);
}

static void request_in_single_bytes_is_answered(void **state)
{
	static const char bytes[] = "\r\nPOST /a?b HTTP/1.1\r\n" HOST "A: b\r\n"
				    "Transfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n"
				    "0\r\nT: u\r\n\r\n" GET("/next");
	int fd = client_connect(server.port), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
		client_send(fd, bytes + i, 1);
	expect_answers(fd,
		       (const char *const[]){"POST /a?b headers=3 b [hello]",
					     "GET /next headers=1 []"},
		       2, "");
	close(fd);
}

static void pipeline_in_any_two_pieces_is_answered_in_order(void **state)
{
	static const char bytes[] =
		GET("/1") "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET("/3");
	int one = 1;

	for (size_t cut = 1; cut < sizeof(bytes) - 1; cut += 3) {
		int fd = client_connect(server.port);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		client_send(fd, bytes, cut);
		client_send(fd, bytes + cut, sizeof(bytes) - 1 - cut);
		shutdown(fd, SHUT_WR);
		expect_answers(fd,
			       (const char *const[]){"GET /1 headers=1 []",
						     "POST /2 headers=2 [abc]",
						     "GET /3 headers=1 []"},
			       3, "");
		assert_true(client_sees_end(fd, CLIENT_WAIT_MS));
		close(fd);
	}
}

static void body_of_megabytes_arrives_whole(void **state)
{
	size_t size = 3 << 20, len;
	char *body = malloc(size), *answers;
	char head[200];
	int fd = client_connect(server.port);

	memset(body, 'z', size);
	for (int chunked = 0; chunked < 2; chunked++) {
		len = (size_t)snprintf(head, sizeof(head),
				       chunked ? "POST /large HTTP/1.1\r\n" HOST
						 "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" :
						 "POST /large HTTP/1.1\r\n" HOST
						 "Content-Length: %zu\r\n\r\n",
				       size);
		client_send(fd, head, len);
		client_send(fd, body, size);
		if (chunked)
			client_send_text(fd, "\r\n0\r\n\r\n");
		/* The handler's small buffer does not hold it. */
		expect_answers(fd, (const char *const[]){"long"}, 1, "");
	}
	client_send_text(fd, GET("/big?3000000"));
	answers = client_read_answers(fd, 1);
	assert_true(strlen(answers) > 3000000);
	free(answers);
	free(body);
	close(fd);
}

static void expect_is_promised_once_or_refused(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n";
	int fd = client_connect(server.port);
	char bytes[26], *answers;

	client_send_text(fd, head);
	client_send_text(fd, "Content-Length: 4\r\n\r\n");
	assert_int_equal(recv(fd, bytes, 25, MSG_WAITALL), 25);
	assert_memory_equal(bytes, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	client_send_text(fd, "ab");
	assert_false(client_sees_end(fd, 20));
	client_send_text(fd, "cd");
	expect_answers(fd, (const char *const[]){"POST / headers=3 [abcd]"}, 1, "");
	/* The body is there already. */
	client_send_text(fd, "POST / HTTP/1.1\r\n" HOST
			     "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab");
	expect_answers(fd, (const char *const[]){"POST / headers=3 [ab]"}, 1, "");
	client_send_text(fd, head);
	client_send_text(fd, "Content-Length: 1001\r\n\r\n");
	answers = client_read_to_end(fd);
	assert_non_null(strstr(answers, "HTTP/1.1 413 "));
	assert_null(strstr(answers, "100 Continue"));
	free(answers);
	close(fd);
}

static unsigned int read_count(int fd)
{
	char *answers = client_read_answers(fd, 1);
	unsigned int n = (unsigned int)strtoul(strstr(answers, "\r\n\r\n") + 4, NULL, 10);

	free(answers);
	return n;
}

/* `held` of the requests blocks the loop until it is released; -1: none. */
static void send_pipeline(int fd, int requests, int held)
{
	for (int i = 0; i < requests; i++)
		client_send_text(fd, i == held ? GET("/hold") : GET("/"));
}

/* The loop is held while all of them send, so that it finds all of it at once. */
static void pipelines_hold_nobody_up(void **state)
{
	enum { N = 20, REQUESTS = 100 };
	int held = client_connect(server.port), fds[N], honest = client_connect(server.port);
	unsigned int before;

	client_send_text(honest, GET("/"));
	free(client_read_answers(honest, 1));
	client_send_text(held, GET("/hold"));
	server_wait_held();
	before = server_count();
	for (int i = 0; i < N; i++) {
		fds[i] = client_connect(server.port);
		send_pipeline(fds[i], REQUESTS, i == 0 ? REQUESTS / 2 : -1);
	}
	client_send_text(honest, GET("/count"));
	server_release();
	/* Those that were let in have had a turn, or two. */
	assert_in_range(read_count(honest), before, before + 2 * N * TURN_WORK);
	server_wait_held();
	before = server_count();
	assert_in_range(before, 1, N * REQUESTS * 3 / 4);
	client_send_text(honest, GET("/count"));
	server_release();
	/* They wait for more of them, but who asks now comes first. */
	assert_in_range(read_count(honest), before, before + 2 * TURNS_PER_WAKE * TURN_WORK);
	for (int i = 0; i < N; i++) {
		free(client_read_answers(fds[i], REQUESTS));
		close(fds[i]);
	}
	close(held);
	close(honest);
}

/* The peer still sends when it is refused: a reset would eat the answer. */
static void refusal_reaches_a_peer_that_still_sends(void **state)
{
	size_t size = 4 << 20;
	char *body = calloc(1, size), *answers;
	int fd = client_connect(server.port);

	client_send_text(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 4194304\r\n\r\n");
	client_send(fd, body, size);
	usleep(5000);
	client_send(fd, body, size);
	shutdown(fd, SHUT_WR);
	answers = client_read_to_end(fd);
	assert_non_null(strstr(answers, "HTTP/1.1 413 "));
	free(answers);
	free(body);
	close(fd);
}

static void deferred_request_holds_back_its_pipeline(void **state)
{
	int fd = client_connect(server.port);
	struct httpd_exchange *exchange;

	client_send_text(fd, GET("/1") "POST /defer?a HTTP/1.1\r\n" HOST
				       "B: c\r\nContent-Length: 2\r\n\r\nhi" GET("/3"));
	expect_answers(fd, (const char *const[]){"GET /1 headers=1 []"}, 1, "");
	exchange = server_take_deferred();
	client_send_text(fd, GET("/4"));
	assert_false(client_sees_end(fd, 20));
	assert_int_equal(httpd_request_of(exchange)->body.len, 2);
	server_answer(exchange);
	expect_answers(fd, (const char *const[]){"POST /defer?a headers=3 c [hi]"}, 1,
		       "X-Late: 1\r\n");
	expect_answers(fd, (const char *const[]){"GET /3 headers=1 []", "GET /4 headers=1 []"}, 2,
		       "");
	close(fd);
}

static void deferred_requests_in_a_row_are_answered_to_a_half_closed_peer(void **state)
{
	int fd = client_connect(server.port);
	struct httpd_exchange *exchange;
	int other = client_connect(server.port);

	client_send_text(fd, GET("/defer?1") GET("/defer?2") GET("/3"));
	exchange = server_take_deferred();
	shutdown(fd, SHUT_WR);
	/* Another request, so that the loop has seen the end. */
	client_send_text(other, GET("/"));
	free(client_read_answers(other, 1));
	close(other);
	server_answer(exchange);
	server_answer(server_take_deferred());
	expect_answers(
		fd, (const char *const[]){"GET /defer?1 headers=1 []", "GET /defer?2 headers=1 []"},
		2, "X-Late: 1\r\n");
	expect_answers(fd, (const char *const[]){"GET /3 headers=1 []"}, 1, "");
	assert_true(client_sees_end(fd, CLIENT_WAIT_MS));
	close(fd);
}

static void deferred_request_that_closes_closes(void **state)
{
	int fd = client_connect(server.port);
	char *answers;

	client_send_text(fd, "GET /defer HTTP/1.0\r\n\r\n" GET("/no"));
	server_answer(server_take_deferred());
	answers = client_read_to_end(fd);
	assert_non_null(strstr(answers, "Connection: close\r\nX-Late: 1\r\n"));
	assert_null(strstr(answers, "/no"));
	free(answers);
	close(fd);
}

static void deferred_request_of_a_peer_that_resets_may_be_answered(void **state)
{
	struct linger hard = {.l_onoff = 1};
	int fd = client_connect(server.port);
	struct httpd_exchange *exchange;

	client_send_text(fd, GET("/defer"));
	exchange = server_take_deferred();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	/* Another request, so that the loop has seen the reset. */
	fd = client_connect(server.port);
	client_send_text(fd, GET("/"));
	free(client_read_answers(fd, 1));
	close(fd);
	assert_int_equal(httpd_request_of(exchange)->path.len, 6);
	server_answer(exchange);
}

static int connect_narrow(void)
{
	int fd = client_connect(server.port), size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* Sends until the server takes no more; false: it took everything. */
static bool send_until_full(int fd, const char *bytes, size_t len, size_t times)
{
	struct pollfd waited = {.fd = fd, .events = POLLOUT};
	size_t at = 0;

	while (times) {
		ssize_t n;

		if (poll(&waited, 1, 100) == 0)
			return true;
		n = send(fd, bytes + at, len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		at += n > 0 ? (size_t)n : 0;
		if (at == len) {
			at = 0;
			times--;
		}
	}
	return false;
}

static void peer_that_does_not_read_is_not_read(void **state)
{
	static const char request[] = GET("/big?50000");
	int fd = connect_narrow();
	unsigned int before = server_count();

	assert_true(send_until_full(fd, request, sizeof(request) - 1, 1000000));
	/* 50 MB would be 1000 requests; the sockets hold some megabytes, we one batch. */
	assert_in_range(server_count() - before, 1, 200);
	close(fd);
}

static void pipeline_of_large_answers_arrives_when_read_late(void **state)
{
	enum { REQUESTS = 300 };
	int fd = client_connect(server.port);
	char *answers, *statuses;

	for (int i = 0; i < REQUESTS; i++)
		client_send_text(fd, GET("/big?20000"));
	usleep(20000);
	answers = client_read_answers(fd, REQUESTS);
	statuses = client_statuses(answers);
	assert_int_equal(strlen(statuses), REQUESTS * 4);
	free(statuses);
	free(answers);
	close(fd);
}

/* Unread pairs of an answer below OUT_MAX and a deferred one; the last is returned unanswered. */
static struct httpd_exchange *send_pairs(int fd, unsigned int most, unsigned int *ret_n)
{
	struct httpd_exchange *exchange = NULL, *last = NULL;
	unsigned int n = 0;

	for (; n < most; n++) {
		client_send_text(fd, GET("/big?60000") GET("/defer"));
		exchange = server_wait_deferred(100);
		if (!exchange)
			break;
		if (n + 1 < most)
			server_answer(exchange);
		else
			last = exchange;
	}
	*ret_n = n;
	return last;
}

/* What a slow machine defers late must not be taken for that of the next connection. */
static void wait_until_forgotten(void)
{
	uint64_t from = client_now_ms();

	while (server_connections(&server) > 0) {
		struct httpd_exchange *late = server_wait_deferred(5);

		if (late)
			server_answer(late);
		assert_in_range(client_now_ms() - from, 0, CLIENT_WAIT_MS);
	}
}

static void output_stuck_before_a_deferred_request_goes_out(void **state)
{
	unsigned int most, n;
	int fd = client_connect(server.port);

	assert_null(send_pairs(fd, 1000, &most));
	close(fd);
	wait_until_forgotten();
	/* At one of these the socket took a part of the answer when the next was deferred. */
	for (unsigned int pairs = most < 9 ? 1 : most - 8; pairs < most + 4; pairs++) {
		struct httpd_exchange *last;

		fd = client_connect(server.port);
		last = send_pairs(fd, pairs, &n);
		if (last) {
			free(client_read_answers(fd, 2 * pairs - 1));
			server_answer(last);
			expect_answers(fd, (const char *const[]){"GET /defer headers=1 []"}, 1,
				       "X-Late: 1\r\n");
		}
		close(fd);
		wait_until_forgotten();
	}
}

static int start(void **state)
{
	struct httpd_config config = server_config();

	server_start(&server, &config);
	return 0;
}

static int stop(void **state)
{
	server_stop(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_in_single_bytes_is_answered),
		cmocka_unit_test(pipeline_in_any_two_pieces_is_answered_in_order),
		cmocka_unit_test(body_of_megabytes_arrives_whole),
		cmocka_unit_test(expect_is_promised_once_or_refused),
		cmocka_unit_test(pipelines_hold_nobody_up),
		cmocka_unit_test(refusal_reaches_a_peer_that_still_sends),
		cmocka_unit_test(deferred_request_holds_back_its_pipeline),
		cmocka_unit_test(deferred_requests_in_a_row_are_answered_to_a_half_closed_peer),
		cmocka_unit_test(deferred_request_that_closes_closes),
		cmocka_unit_test(deferred_request_of_a_peer_that_resets_may_be_answered),
		cmocka_unit_test(peer_that_does_not_read_is_not_read),
		cmocka_unit_test(pipeline_of_large_answers_arrives_when_read_late),
		cmocka_unit_test(output_stuck_before_a_deferred_request_goes_out),
	};
	int failed = cmocka_run_group_tests_name("httpd_flow", tests, start, stop);

	server_use_tls();
	return failed + cmocka_run_group_tests_name("httpd_flow over TLS", tests, start, stop);
}
