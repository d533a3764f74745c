/* When connections end: deadlines, room, want of file descriptors, draining. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpd/httpd_priv.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define HOST      "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

enum { SHORT_MS = 60, SLACK_MS = 400 };

static struct server server;

static void start(unsigned int header_ms, unsigned int body_ms, unsigned int idle_ms,
		  unsigned int connections, unsigned int threads)
{
	struct httpd_config config = server_config();

	config.header_timeout_ms = header_ms;
	config.body_timeout_ms = body_ms;
	config.idle_timeout_ms = idle_ms;
	config.connections_max = connections;
	config.threads = threads;
	server_start(&server, &config);
}

static void get(int fd)
{
	client_send_text(fd, GET("/"));
	free(client_read_answers(fd, 1));
}

/* Sends a byte every few milliseconds; the deadline must not move with them. */
static void trickle_until_408(const char *head, const char *bytes)
{
	uint64_t from = client_now_ms(), took;
	int fd = client_connect(server.port);
	struct pollfd waited = {.fd = fd, .events = POLLIN};
	char *answers;

	client_send_text(fd, head);
	if (strncmp(head, GET("/"), strlen(GET("/"))) == 0)
		free(client_read_answers(fd, 1));
	for (size_t i = 0; bytes[i] && poll(&waited, 1, 10) == 0; i++)
		client_send(fd, bytes + i, 1);
	answers = client_read_to_end(fd);
	took = client_now_ms() - from;
	assert_non_null(strstr(answers, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_in_range(took, SHORT_MS - 10, SHORT_MS + SLACK_MS);
	free(answers);
	close(fd);
}

static const char many[] =
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void head_that_trickles_is_408(void **state)
{
	start(SHORT_MS, 5000, 5000, 10, 1);
	trickle_until_408("GET / HTTP/1.1\r\nA: ", many);
	trickle_until_408(GET("/") "GET / HTTP/1.1\r\nA: ", many);
	server_stop(&server);
}

static void body_that_trickles_is_408(void **state)
{
	start(5000, SHORT_MS, 5000, 10, 1);
	trickle_until_408("POST / HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\n", many);
	trickle_until_408("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", many);
	trickle_until_408("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n",
			  many);
	server_stop(&server);
}

static void timeouts_set_while_it_runs_hold_for_what_begins_after(void **state)
{
	int idle;

	start(5000, 5000, 5000, 10, 2);
	idle = client_connect(server.port);
	get(idle);
	httpd_set_timeouts(server.httpd, SHORT_MS, SHORT_MS, SHORT_MS);
	trickle_until_408("GET / HTTP/1.1\r\nA: ", many);
	trickle_until_408("POST / HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\n", many);
	/* It keeps the deadline it had, until it asks again. */
	assert_false(client_sees_end(idle, SHORT_MS));
	get(idle);
	assert_true(client_sees_end(idle, SHORT_MS + SLACK_MS));
	close(idle);
	server_stop(&server);
}

static void connection_that_says_nothing_is_closed(void **state)
{
	int fresh, idle, blank;

	start(SHORT_MS, 5000, SHORT_MS, 10, 1);
	fresh = client_connect(server.port);
	idle = client_connect(server.port);
	blank = client_connect(server.port);
	get(idle);
	get(blank);
	/* Empty lines are no request: no 408, no later deadline. */
	client_send_text(blank, "\r\n\r\n");
	assert_true(client_sees_end(fresh, SHORT_MS + SLACK_MS));
	assert_true(client_sees_end(idle, SHORT_MS + SLACK_MS));
	assert_true(client_sees_end(blank, SHORT_MS + SLACK_MS));
	assert_int_equal(server_count(), 2);
	close(fresh);
	close(idle);
	close(blank);
	server_stop(&server);
}

static void reader_too_slow_is_cut_off(void **state)
{
	char bytes[4096];
	uint64_t from;
	int fd;

	start(5000, 5000, SHORT_MS, 10, 1);
	fd = client_connect(server.port);
	client_send_text(fd, GET("/big?50000000"));
	from = client_now_ms();
	while (client_now_ms() - from < SHORT_MS + SLACK_MS / 2) {
		if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
			break;
		usleep(1000);
	}
	/* It is gone: there is nothing to wait for. */
	from = client_now_ms();
	httpd_drain(server.httpd, 2000);
	assert_in_range(client_now_ms() - from, 0, 500);
	close(fd);
	server_stop(&server);
}

static void newcomer_takes_the_place_of_the_longest_idle(void **state)
{
	int fds[4];

	start(5000, 5000, 5000, 3, 1);
	for (int i = 0; i < 3; i++) {
		fds[i] = client_connect(server.port);
		get(fds[i]);
		usleep(10000);
	}
	get(fds[0]);
	fds[3] = client_connect(server.port);
	get(fds[3]);
	assert_true(client_sees_end(fds[1], CLIENT_WAIT_MS));
	get(fds[0]);
	get(fds[2]);
	get(fds[3]);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	server_stop(&server);
}

/* Whatever it waits for: a head, a body, to be read. */
static void newcomer_takes_the_place_of_who_has_waited_longest(void **state)
{
	static const char *const begun[] = {
		"GET / HTTP/1.1\r\nA: ",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab",
		GET("/big?50000000"),
		GET("/close"),
	};
	enum { N = sizeof(begun) / sizeof(begun[0]) };
	int honest, fds[N], more[N];
	char byte;

	start(5000, 5000, 5000, N + 1, 1);
	honest = client_connect(server.port);
	for (int i = 0; i < N; i++) {
		fds[i] = client_connect(server.port);
		client_send_text(fds[i], begun[i]);
	}
	/* Who has had its answer is left in peace for a moment. */
	assert_int_equal(recv(fds[N - 1], &byte, 1, 0), 1);
	usleep((LINGER_LEAST_MS + 20) * 1000);
	for (int i = 0; i < N; i++) {
		get(honest);
		more[i] = client_connect(server.port);
		get(more[i]);
		assert_int_equal(server_connections(&server), N + 1);
	}
	for (int i = 0; i < N; i++) {
		get(more[i]);
		/* One byte is answered by a reset. */
		(void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
		assert_true(send(fds[i], "x", 1, MSG_NOSIGNAL) < 0);
		close(fds[i]);
		close(more[i]);
	}
	get(honest);
	close(honest);
	server_stop(&server);
}

/* The idle ones have sent again when newcomers push them out: their events are in the batch. */
static void idle_pushed_out_in_the_batch_of_its_request_is_no_fault(void **state)
{
	enum { N = 40 };
	int held, fds[N], more[N];

	start(5000, 5000, 5000, N + 1, 1);
	held = client_connect(server.port);
	for (int i = 0; i < N; i++) {
		fds[i] = client_connect(server.port);
		get(fds[i]);
	}
	/* The loop is held while all of these come in: newcomers first, then those they push out. */
	client_send_text(held, GET("/hold"));
	server_wait_held();
	for (int i = 0; i < N; i++) {
		more[i] = client_connect(server.port);
		client_send_text(more[i], GET("/"));
		client_send_text(fds[i], GET("/"));
	}
	server_release();
	for (int i = 0; i < N; i++) {
		free(client_read_answers(more[i], 1));
		close(fds[i]);
		close(more[i]);
	}
	close(held);
	server_stop(&server);
}

static void newcomer_without_room_is_503(void **state)
{
	struct httpd_exchange *exchanges[2];
	int busy[2], fd;
	char *answers;

	start(5000, 5000, 5000, 2, 1);
	for (int i = 0; i < 2; i++) {
		busy[i] = client_connect(server.port);
		client_send_text(busy[i], GET("/defer"));
		exchanges[i] = server_take_deferred();
	}
	for (int i = 0; i < 200; i++) {
		fd = client_connect(server.port);
		client_send_text(fd, GET("/"));
		answers = client_read_to_end(fd);
		assert_non_null(strstr(answers, "HTTP/1.1 503 Service Unavailable\r\n"));
		assert_null(strstr(answers + 1, "HTTP/1.1"));
		free(answers);
		close(fd);
	}
	for (int i = 0; i < 2; i++) {
		server_answer(exchanges[i]);
		free(client_read_answers(busy[i], 1));
		close(busy[i]);
	}
	server_stop(&server);
}

/* Refused ones that hold on must not pile up: beyond 64 the longest lingering goes. */
static void refused_newcomers_that_hold_on_are_bounded(void **state)
{
	enum { HELD = 200 };
	struct httpd_exchange *exchange;
	int busy, fds[HELD], ended = 0;

	start(5000, 5000, 5000, 1, 1);
	busy = client_connect(server.port);
	client_send_text(busy, GET("/defer"));
	exchange = server_take_deferred();
	for (int i = 0; i < HELD; i++) {
		fds[i] = client_connect(server.port);
		free(client_read_to_end(fds[i]));
	}
	/* To one that is gone, the second byte is answered by a reset. */
	for (int i = 0; i < HELD; i++)
		(void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
	for (int i = 0; i < HELD; i++)
		ended += send(fds[i], "x", 1, MSG_NOSIGNAL) < 0;
	assert_in_range(ended, HELD - 70, HELD - 60);
	for (int i = 0; i < HELD; i++)
		close(fds[i]);
	server_answer(exchange);
	close(busy);
	server_stop(&server);
}

static void descriptors_used_up_cost_the_idle_then_wait(void **state)
{
	struct rlimit before, low;
	int idle, fd, last = open("/dev/null", O_RDONLY | O_CLOEXEC);

	start(5000, 5000, 5000, 100, 1);
	idle = client_connect(server.port);
	get(idle);
	/* Room for one more descriptor, which the client's own end takes. */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	close(fd);
	low.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &low);
	fd = client_connect(server.port);
	get(fd);
	assert_true(client_sees_end(idle, CLIENT_WAIT_MS));
	/* The client's end frees one, and the next newcomer takes it; nobody is idle then. */
	client_send_text(fd, "GET ");
	usleep(20000);
	close(last);
	last = client_connect(server.port);
	client_send_text(last, GET("/"));
	assert_false(client_sees_end(last, 50));
	setrlimit(RLIMIT_NOFILE, &before);
	free(client_read_answers(last, 1));
	close(idle);
	close(last);
	close(fd);
	server_stop(&server);
}

static void connections_are_dealt_out_evenly(void **state)
{
	enum { N = 8 };
	unsigned long threads[N];
	int fds[N];

	start(5000, 5000, 5000, 100, 4);
	for (int i = 0; i < N; i++) {
		unsigned int same = 0;

		fds[i] = client_connect(server.port);
		get(fds[i]);
		threads[i] = server_last_thread();
		for (int j = 0; j < i; j++)
			same += threads[j] == threads[i];
		assert_in_range(same, 0, i / 4);
	}
	for (int i = 0; i < N; i++)
		close(fds[i]);
	server_stop(&server);
}

static void drain_answers_what_was_begun_and_closes_the_idle(void **state)
{
	int idle, begun, deferred, fresh;
	struct httpd_exchange *exchange;
	uint64_t from;
	char *answers;

	start(5000, 5000, 5000, 100, 2);
	idle = client_connect(server.port);
	get(idle);
	fresh = client_connect(server.port);
	begun = client_connect(server.port);
	client_send_text(begun, "GET / HTTP/1.1\r\n");
	deferred = client_connect(server.port);
	client_send_text(deferred, GET("/defer") GET("/no"));
	exchange = server_take_deferred();
	usleep(10000);
	from = client_now_ms();
	httpd_drain(server.httpd, 50);
	assert_in_range(client_now_ms() - from, 40, 50 + SLACK_MS);
	assert_true(client_sees_end(idle, 0));
	assert_true(client_sees_end(fresh, 0));
	client_send_text(begun, HOST "\r\n");
	answers = client_read_to_end(begun);
	assert_non_null(strstr(answers, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n"
					"Connection: close\r\n"));
	free(answers);
	server_answer(exchange);
	answers = client_read_to_end(deferred);
	assert_non_null(strstr(answers, "Connection: close\r\nX-Late"));
	assert_null(strstr(answers, "/no"));
	free(answers);
	close(idle);
	close(fresh);
	close(begun);
	close(deferred);
	server_stop(&server);
}

static void drain_of_an_empty_server_returns_at_once(void **state)
{
	uint64_t from = client_now_ms();

	start(5000, 5000, 5000, 100, 3);
	httpd_drain(server.httpd, 5000);
	server_stop(&server);
	assert_in_range(client_now_ms() - from, 0, 1000);
}

static void address_in_use_is_told(void **state)
{
	struct httpd_config config = server_config();
	struct sockaddr_storage address;
	struct httpd *second = NULL;
	uint16_t port;

	start(5000, 5000, 5000, 100, 1);
	memcpy(&address, config.address, config.address_len);
	port = (uint16_t)(server.port >> 8 | server.port << 8);
	memcpy((char *)&address + 2, &port, 2);
	config.address = (struct sockaddr *)&address;
	assert_int_equal(httpd_new(&config, &second), -EADDRINUSE);
	assert_null(second);
	server_stop(&server);
}

/* A certificate is kept in a cell, which takes one of the process's thread-specific keys. */
static void server_without_room_for_its_certificate_takes_nothing_of_others(void **state)
{
	struct httpd_config config = server_config();
	static pthread_key_t keys[PTHREAD_KEYS_MAX];
	struct httpd *httpd = NULL;
	pthread_key_t another;
	size_t n = 0;

	while (n < PTHREAD_KEYS_MAX && pthread_key_create(&keys[n], NULL) == 0)
		n++;
	assert_int_equal(httpd_new(&config, &httpd), -EAGAIN);
	assert_null(httpd);
	assert_int_equal(pthread_key_create(&another, NULL), EAGAIN);
	while (n > 0)
		pthread_key_delete(keys[--n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_that_trickles_is_408),
		cmocka_unit_test(body_that_trickles_is_408),
		cmocka_unit_test(timeouts_set_while_it_runs_hold_for_what_begins_after),
		cmocka_unit_test(connection_that_says_nothing_is_closed),
		cmocka_unit_test(reader_too_slow_is_cut_off),
		cmocka_unit_test(newcomer_takes_the_place_of_the_longest_idle),
		cmocka_unit_test(idle_pushed_out_in_the_batch_of_its_request_is_no_fault),
		cmocka_unit_test(connections_are_dealt_out_evenly),
		cmocka_unit_test(drain_answers_what_was_begun_and_closes_the_idle),
		cmocka_unit_test(drain_of_an_empty_server_returns_at_once),
		cmocka_unit_test(address_in_use_is_told),
	};
	/* An answer before any handshake, an end that a reset tells, descriptors that the client's TLS
	 * would take. */
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(newcomer_takes_the_place_of_who_has_waited_longest),
		cmocka_unit_test(newcomer_without_room_is_503),
		cmocka_unit_test(refused_newcomers_that_hold_on_are_bounded),
		cmocka_unit_test(descriptors_used_up_cost_the_idle_then_wait),
	};
	const struct CMUnitTest over_tls[] = {
		cmocka_unit_test(server_without_room_for_its_certificate_takes_nothing_of_others),
	};
	int failed = cmocka_run_group_tests_name("httpd_life, plain only", plain, NULL, NULL);

	failed += cmocka_run_group_tests_name("httpd_life", tests, NULL, NULL);
	server_use_tls();
	failed += cmocka_run_group_tests_name("httpd_life, TLS only", over_tls, NULL, NULL);
	return failed + cmocka_run_group_tests_name("httpd_life over TLS", tests, NULL, NULL);
}
