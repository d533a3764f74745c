/* Many clients, answers from other threads, a drain amid the load: nothing is lost or torn. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define HOST      "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

enum { CLIENTS = 6, ROUNDS = 150, ANSWERERS = 2, LOAD = 12 };

static struct server server;
static atomic_bool stopping;
static atomic_uint whole, cut;

/* cmocka's asserts belong to the main thread: others count. */
static bool converse(int fd, const char *requests, const char *const *bodies, unsigned int n)
{
	char text[2000];
	size_t len = 0;
	unsigned int seen = 0;

	if (write(fd, requests, strlen(requests)) < 0)
		return false;
	while (seen < n) {
		ssize_t got = read(fd, text + len, sizeof(text) - 1 - len);
		const char *at = text;

		if (got <= 0)
			return false;
		len += (size_t)got;
		text[len] = '\0';
		for (seen = 0; seen < n && (at = strstr(at, bodies[seen])); seen++)
			at += strlen(bodies[seen]);
	}
	return true;
}

static void *run_client(void *data)
{
	static const char *const bodies[] = {"GET /1 headers=1 []", "GET /defer?2 headers=1 []",
					     "POST /3 headers=2 [abc]"};
	bool go_on = true;

	(void)data;
	for (int i = 0; i < ROUNDS && go_on; i++) {
		int fd = client_connect(server.port);

		for (int j = 0; j < 5 && go_on; j++)
			go_on = converse(fd,
					 GET("/1") GET("/defer?2") "POST /3 HTTP/1.1\r\n" HOST
								   "Content-Length: 3\r\n\r\nabc",
					 bodies, 3);
		atomic_fetch_add(go_on ? &whole : &cut, 1);
		close(fd);
		go_on = true;
	}
	return NULL;
}

static void *run_answerer(void *data)
{
	struct httpd_exchange *exchange;

	(void)data;
	for (;;) {
		exchange = server_wait_deferred(10);
		if (exchange)
			server_answer(exchange);
		else if (atomic_load(&stopping))
			return NULL;
	}
}

static void start(void)
{
	struct httpd_config config = server_config();

	atomic_store(&stopping, false);
	atomic_store(&whole, 0);
	atomic_store(&cut, 0);
	config.threads = 3;
	server_start(&server, &config);
}

static void clients_with_deferred_answers_get_all_in_order(void **state)
{
	pthread_t clients[CLIENTS], answerers[ANSWERERS];

	start();
	for (int i = 0; i < ANSWERERS; i++)
		pthread_create(&answerers[i], NULL, run_answerer, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, run_client, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	atomic_store(&stopping, true);
	for (int i = 0; i < ANSWERERS; i++)
		pthread_join(answerers[i], NULL);
	assert_int_equal(atomic_load(&whole), CLIENTS * ROUNDS);
	assert_int_equal(server_count(), CLIENTS * ROUNDS * 5 * 3);
	server_stop(&server);
}

static void *run_late_answer(void *data)
{
	server_answer(data);
	return NULL;
}

/* The answering thread is on its way out of httpd_answer_deferred() while the server goes. */
static void server_may_go_as_soon_as_the_last_answer_is_given(void **state)
{
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		int fd;

		start();
		fd = client_connect(server.port);
		client_send_text(fd, GET("/defer"));
		pthread_create(&thread, NULL, run_late_answer, server_take_deferred());
		free(client_read_answers(fd, 1));
		close(fd);
		httpd_drain(server.httpd, 2000);
		server_stop(&server);
		pthread_join(thread, NULL);
	}
}

static void *run_drain(void *data)
{
	(void)data;
	httpd_drain(server.httpd, 5000);
	return NULL;
}

/* Each request the handler saw is answered, though the server drains. */
static void drain_amid_load_ends_and_loses_no_answer(void **state)
{
	pthread_t answerers[ANSWERERS], drainer;
	int fds[LOAD];

	for (int round = 0; round < 10; round++) {
		start();
		for (int i = 0; i < ANSWERERS; i++)
			pthread_create(&answerers[i], NULL, run_answerer, NULL);
		for (int i = 0; i < LOAD; i++) {
			fds[i] = client_connect(server.port);
			client_send_text(fds[i], i % 2 ? GET("/defer") : GET("/1"));
		}
		pthread_create(&drainer, NULL, run_drain, NULL);
		for (int i = 0; i < LOAD; i++) {
			char *answers = client_read_to_end(fds[i]);

			/* Connected and sent before the drain began. */
			assert_non_null(strstr(answers, "HTTP/1.1 200 OK\r\n"));
			free(answers);
			close(fds[i]);
		}
		pthread_join(drainer, NULL);
		atomic_store(&stopping, true);
		for (int i = 0; i < ANSWERERS; i++)
			pthread_join(answerers[i], NULL);
		server_stop(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_with_deferred_answers_get_all_in_order),
		cmocka_unit_test(server_may_go_as_soon_as_the_last_answer_is_given),
		cmocka_unit_test(drain_amid_load_ends_and_loses_no_answer),
	};

	return cmocka_run_group_tests_name("httpd_threads", tests, NULL, NULL);
}
