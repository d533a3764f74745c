/* Certificates change while clients connect and ask, from threads of their own. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/httpd/certificate.h"
#include "unit/httpd/server.h"
#include "unit/httpd/tls_client.h"

enum { CLIENTS = 3, SWAPS = 60, KEPT = 10 };

static struct server server;
static atomic_bool over;
static atomic_uint asked;

/* Asks on a connection some times, then on another. */
static void *ask_on(void *data)
{
	while (!atomic_load(&over)) {
		SSL *ssl = tls_open(server.port, NULL);

		for (int i = 0; i < KEPT; i++) {
			free(tls_get(ssl, "/a"));
			atomic_fetch_add(&asked, 1);
		}
		tls_close(ssl);
	}
	return data;
}

static struct httpd_tls *make_tls(void)
{
	struct certificate files;
	struct httpd_tls *tls;

	certificate_make(&files, NULL);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &tls), 0);
	certificate_remove(&files);
	return tls;
}

static void certificates_change_under_load_without_a_fault(void **state)
{
	struct httpd_config config = server_config();
	pthread_t threads[CLIENTS];

	config.threads = 2;
	config.tls = make_tls();
	server_start(&server, &config);
	httpd_tls_free(config.tls);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_on, NULL), 0);
	for (int i = 0; i < SWAPS; i++) {
		struct httpd_tls *tls = make_tls();
		unsigned int before = atomic_load(&asked);

		httpd_set_tls(server.httpd, tls);
		httpd_tls_free(tls);
		/* Some requests with each of them. */
		while (atomic_load(&asked) - before < KEPT)
			sched_yield();
	}
	atomic_store(&over, true);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(server_count(), atomic_load(&asked));
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_change_under_load_without_a_fault),
	};

	return cmocka_run_group_tests_name("httpd_tls_threads", tests, NULL, NULL);
}
