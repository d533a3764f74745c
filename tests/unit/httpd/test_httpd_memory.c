/* What connections hold: bodies and unread answers within a bound, slow readers and idle ones. */
/* SPDX-License-Identifier: MIT */
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

#define HOST       "Host: x\r\n"
#define GET(path)  "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n"

enum { BODY = 1000000, IDLE_MS = 400 };

static struct server server;
static char body[BODY];

static void start(unsigned int body_ms, unsigned int idle_ms)
{
	struct httpd_config config = server_config();

	config.body_timeout_ms = body_ms;
	config.idle_timeout_ms = idle_ms;
	config.memory_max = HTTPD_MEMORY_MIN;
	server_start(&server, &config);
	memset(body, 'b', sizeof(body));
}

static size_t held(void)
{
	struct httpd_room room;

	httpd_room(server.httpd, &room);
	return room.held;
}

/* The loop is idle once it has answered somebody, so its figures may be looked at. */
static void settle(void)
{
	int fd = client_connect(server.port);

	client_send_text(fd, GET("/"));
	free(client_read_answers(fd, 1));
	close(fd);
	usleep(10000);
}

static int begin_body(size_t len)
{
	int fd = client_connect(server.port);

	client_send_text(fd, POST("/large"));
	client_send(fd, body, len);
	settle();
	return fd;
}

static void expect_status(int fd, const char *status)
{
	char *answers = client_read_answers(fd, 1), *statuses = client_statuses(answers);

	if (strcmp(statuses, status) != 0)
		print_message("%s", answers);
	assert_string_equal(statuses, status);
	free(statuses);
	free(answers);
}

static void half_bodies_beyond_the_bound_cost_the_oldest(void **state)
{
	enum { N = 12 };
	unsigned int refused = 0;
	int fds[N];

	start(60000, 60000);
	for (int i = 0; i < N; i++) {
		fds[i] = begin_body(BODY - 1);
		assert_in_range(held(), 1, HTTPD_MEMORY_MIN);
	}
	for (int i = 0; i < N; i++)
		(void)!send(fds[i], "b", 1, MSG_NOSIGNAL);
	for (int i = 0; i < N; i++) {
		char *answers = client_read_answers(fds[i], 1);
		bool ok = strstr(answers, "HTTP/1.1 200 ") != NULL;

		refused += !ok;
		/* The oldest gave way, and all of them before the youngest. */
		assert_int_equal(ok, i >= (int)refused);
		if (!ok)
			assert_non_null(strstr(answers, "HTTP/1.1 503 "));
		free(answers);
		close(fds[i]);
	}
	assert_in_range(refused, 5, N - 2);
	settle();
	assert_int_equal(held(), 0);
	server_stop(&server);
}

struct deferred {
	int fds[SERVER_DEFERRED_MAX];
	struct httpd_exchange *exchanges[SERVER_DEFERRED_MAX];
	unsigned int n;
};

/* Defers bodies of this size until one is refused. */
static void defer_bodies(size_t size, struct deferred *deferred)
{
	char head[200];

	for (;;) {
		int fd = client_connect(server.port);

		snprintf(head, sizeof(head),
			 "POST /large/defer HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", size);
		client_send_text(fd, head);
		usleep(2000);
		client_send(fd, body, size);
		deferred->exchanges[deferred->n] = server_wait_deferred(200);
		if (!deferred->exchanges[deferred->n]) {
			expect_status(fd, "503 ");
			close(fd);
			return;
		}
		deferred->fds[deferred->n++] = fd;
		assert_true(deferred->n < SERVER_DEFERRED_MAX);
	}
}

/* Bodies that somebody works on cannot be taken back: the next large one is refused. */
static void large_body_beside_deferred_ones_is_503_and_a_small_one_is_taken(void **state)
{
	enum { SMALL = 30 };
	struct deferred deferred = {.n = 0};
	int fd, small[SMALL];

	start(60000, 60000);
	defer_bodies(BODY, &deferred);
	assert_in_range(deferred.n, 2, 4);
	defer_bodies(100000, &deferred);
	defer_bodies(20000, &deferred);
	assert_in_range(held(), HTTPD_MEMORY_MIN - 40000, HTTPD_MEMORY_MIN);
	for (int i = 0; i < SMALL; i++) {
		small[i] = client_connect(server.port);
		client_send_text(small[i],
				 "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nsm");
	}
	settle();
	assert_true(held() > HTTPD_MEMORY_MIN);
	for (int i = 0; i < SMALL; i++) {
		client_send_text(small[i], "all");
		expect_status(small[i], "200 ");
		close(small[i]);
	}
	for (unsigned int i = 0; i < deferred.n; i++) {
		httpd_answer_deferred(deferred.exchanges[i], &(struct httpd_answer){.status = 204});
		expect_status(deferred.fds[i], "204 ");
		close(deferred.fds[i]);
	}
	/* What they held is there for others. */
	fd = client_connect(server.port);
	client_send_text(fd, POST("/large"));
	client_send(fd, body, BODY);
	expect_status(fd, "200 ");
	close(fd);
	server_stop(&server);
}

static void unread_answers_beyond_the_bound_cost_the_longest_unread(void **state)
{
	enum { N = 10 };
	int fds[N], cut = 0;

	start(60000, 60000);
	for (int i = 0; i < N; i++) {
		fds[i] = client_connect(server.port);
		client_send_text(fds[i], GET("/big?7000000"));
		settle();
		assert_in_range(held(), 0, HTTPD_MEMORY_MIN);
	}
	for (int i = 0; i < N; i++)
		close(fds[i]);
	settle();
	for (int i = 0; i < N; i++) {
		fds[i] = client_connect(server.port);
		client_send_text(fds[i], GET("/big?1500000"));
		settle();
		assert_in_range(held(), 1, HTTPD_MEMORY_MIN);
	}
	/* The youngest is read whole. */
	expect_status(fds[N - 1], "200 ");
	for (int i = 0; i < N; i++) {
		(void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
		usleep(1000);
		cut += send(fds[i], "x", 1, MSG_NOSIGNAL) < 0;
		close(fds[i]);
	}
	assert_in_range(cut, N - 4, N - 1);
	server_stop(&server);
}

/* Reads `size` bytes with pauses; returns how many came before the end. */
static size_t read_slowly(int fd, size_t size, size_t step, unsigned int pause_us)
{
	char *bytes = malloc(step);
	size_t got = 0;
	ssize_t n = 1;

	for (; got < size && n > 0; got += (size_t)n) {
		usleep(pause_us);
		n = recv(fd, bytes, step, 0);
		if (n < 0)
			n = 0;
	}
	free(bytes);
	return got;
}

static int begin_reading(const char *request)
{
	int fd = client_connect(server.port), small = 32768;

	/* So that most of the answer waits at the server. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_send_text(fd, request);
	return fd;
}

static void slow_but_steady_reader_gets_all_of_its_answer(void **state)
{
	enum { SIZE = 600000, SLOWLY = 250000 };
	uint64_t from = client_now_ms();
	size_t got;
	int fd;

	start(60000, IDLE_MS);
	fd = begin_reading(GET("/big?600000"));
	/* Far more than HTTPD_TAKEN_MIN, and far longer than may pass in idleness. */
	got = read_slowly(fd, SLOWLY, 2000, 10000);
	assert_true(client_now_ms() - from > 3 * IDLE_MS);
	assert_true(held() > 0);
	assert_true(got + read_slowly(fd, SIZE, 65536, 0) > SIZE);
	close(fd);
	server_stop(&server);
}

static void reader_that_trickles_is_cut_off(void **state)
{
	enum { SIZE = 600000 };
	int fd;

	start(60000, IDLE_MS);
	fd = begin_reading(GET("/big?600000"));
	/* A kilobyte a second is no progress worth the memory. */
	for (int i = 0; i < 10; i++)
		assert_true(read_slowly(fd, 100, 100, 100000) > 0);
	settle();
	assert_int_equal(held(), 0);
	assert_true(read_slowly(fd, SIZE, 65536, 0) < SIZE);
	close(fd);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_bodies_beyond_the_bound_cost_the_oldest),
		cmocka_unit_test(large_body_beside_deferred_ones_is_503_and_a_small_one_is_taken),
		cmocka_unit_test(unread_answers_beyond_the_bound_cost_the_longest_unread),
		cmocka_unit_test(slow_but_steady_reader_gets_all_of_its_answer),
		cmocka_unit_test(reader_that_trickles_is_cut_off),
	};

	return cmocka_run_group_tests_name("httpd_memory", tests, NULL, NULL);
}
