/* Streams written by several threads while peers come, stall and vanish, and the server drains. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

enum { WRITERS = 3, CLIENTS = 4, ROUNDS = 40, EVENTS = 60 };

static struct server server;
static atomic_bool stopping;
static atomic_uint begun, ended, broken;

/* Each stream gets its events from one thread; some are ended, some only when the peer is gone. */
static void serve_stream(struct httpd_stream *stream, unsigned int number)
{
	static const char event[700] = "event";
	int err = 0;

	for (int i = 0; i < EVENTS && err != -EPIPE; i++)
		err = httpd_stream_write(stream, event, sizeof(event));
	while (number % 2 && err != -EPIPE && !atomic_load(&stopping)) {
		usleep(200);
		err = httpd_stream_write(stream, event, sizeof(event));
	}
	httpd_stream_end(stream);
	atomic_fetch_add(&ended, 1);
}

static void *run_writer(void *data)
{
	(void)data;
	for (;;) {
		struct httpd_stream *stream = server_wait_stream(10);

		if (stream)
			serve_stream(stream, atomic_fetch_add(&begun, 1));
		else if (atomic_load(&stopping))
			return NULL;
	}
}

/* Reads until it has seen enough, or goes at once. */
static void *run_client(void *data)
{
	char bytes[8192];

	(void)data;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = client_connect(server.port);
		size_t want = (size_t)(i % 4) * 9000, got = 0;

		if (write(fd, GET("/stream"), strlen(GET("/stream"))) < 0)
			atomic_fetch_add(&broken, 1);
		while (got < want) {
			ssize_t n = read(fd, bytes, sizeof(bytes));

			if (n <= 0)
				break;
			got += (size_t)n;
		}
		/* EVENTS of them come in any case. */
		if (got < want)
			atomic_fetch_add(&broken, 1);
		close(fd);
	}
	return NULL;
}

static void start(void)
{
	struct httpd_config config = server_config();

	atomic_store(&stopping, false);
	atomic_store(&begun, 0);
	atomic_store(&ended, 0);
	atomic_store(&broken, 0);
	config.threads = 3;
	server_start(&server, &config);
}

static void streams_of_vanishing_peers_are_all_ended(void **state)
{
	pthread_t writers[WRITERS], clients[CLIENTS];

	start();
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, run_writer, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, run_client, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	httpd_drain(server.httpd, 5000);
	assert_int_equal(server_connections(&server), 0);
	atomic_store(&stopping, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	assert_int_equal(atomic_load(&broken), 0);
	assert_int_equal(atomic_load(&ended), atomic_load(&begun));
	server_stop(&server);
}

/* The server goes while writers are amid a write. */
static void server_may_go_while_streams_are_written(void **state)
{
	for (int round = 0; round < 20; round++) {
		pthread_t writers[WRITERS];
		int fds[WRITERS];

		start();
		for (int i = 0; i < WRITERS; i++)
			pthread_create(&writers[i], NULL, run_writer, NULL);
		for (int i = 0; i < WRITERS; i++) {
			fds[i] = client_connect(server.port);
			client_send_text(fds[i], GET("/stream"));
		}
		while (atomic_load(&begun) < WRITERS)
			usleep(100);
		if (round % 2)
			httpd_drain(server.httpd, 20);
		server_stop(&server);
		atomic_store(&stopping, true);
		for (int i = 0; i < WRITERS; i++) {
			pthread_join(writers[i], NULL);
			close(fds[i]);
		}
		assert_int_equal(atomic_load(&ended), WRITERS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_of_vanishing_peers_are_all_ended),
		cmocka_unit_test(server_may_go_while_streams_are_written),
	};

	return cmocka_run_group_tests_name("httpd_stream_threads", tests, NULL, NULL);
}
