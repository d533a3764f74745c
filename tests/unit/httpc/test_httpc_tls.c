/* The client against servers with TLS: whom it trusts, and what it says of the others. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "httpc/httpc.h"
#include "unit/httpd/certificate.h"
#include "unit/httpd/server.h"

static struct certificate files, other;
static struct server server;

static void start(const char *name, long ends_s)
{
	const struct certificate_form form = {.name = name, .begins_s = -7200, .ends_s = ends_s};
	struct httpd_config config = server_config();

	certificate_make(&files, &form);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &config.tls), 0);
	server_start(&server, &config);
	httpd_tls_free(config.tls);
}

static void stop(void)
{
	server_stop(&server);
	certificate_remove(&files);
}

/* The outcome of one request; its words in `said`. */
static int ask(const char *host, const char *ca_file, char said[FIELD_MESSAGE_SIZE])
{
	const struct httpc_request request = {.method = "GET", .path = "/a"};
	_cleanup_httpc_ struct httpc *httpc = NULL;
	struct field_error error = {.message = ""};
	struct httpc_answer answer = {0};
	struct httpc_config config = {.ca_file = ca_file, .timeout_ms = 5000};
	char url[100];
	int err;

	snprintf(url, sizeof(url), "%s:%u", host, server.port);
	config.url = url;
	assert_int_equal(httpc_new(&config, &error, &httpc), 0);
	err = httpc_ask(httpc, &request, &error, &answer);
	snprintf(said, FIELD_MESSAGE_SIZE, "%s", error.message);
	if (err == 0)
		assert_int_equal(answer.status, 200);
	buf_done(&answer.body);
	return err;
}

static void server_is_trusted_by_its_authority_only(void **state)
{
	char said[FIELD_MESSAGE_SIZE];

	start("localhost", 7200);
	assert_int_equal(ask("https://localhost", files.cert, said), 0);
	assert_int_equal(ask("https://127.0.0.1", files.cert, said), 0);
	assert_int_equal(ask("https://localhost", NULL, said), HTTPC_E_STRANGER);
	assert_non_null(strstr(said, "certificate"));
	assert_int_equal(ask("https://localhost", other.cert, said), HTTPC_E_STRANGER);
	assert_int_equal(server_count(), 2);
	stop();
}

static void certificate_for_another_name_is_refused(void **state)
{
	char said[FIELD_MESSAGE_SIZE];

	start("example.org", 7200);
	assert_int_equal(ask("https://localhost", files.cert, said), HTTPC_E_FAILED);
	assert_non_null(strstr(said, "is for another name"));
	assert_int_equal(server_count(), 0);
	stop();
}

static void certificate_that_has_expired_is_refused(void **state)
{
	char said[FIELD_MESSAGE_SIZE];

	start("localhost", -3600);
	assert_int_equal(ask("https://localhost", files.cert, said), HTTPC_E_FAILED);
	assert_non_null(strstr(said, "has expired"));
	assert_int_equal(server_count(), 0);
	stop();
}

static void authority_that_cannot_be_read_is_told(void **state)
{
	char said[FIELD_MESSAGE_SIZE];

	start("localhost", 7200);
	assert_int_equal(ask("https://localhost", "/nowhere/ca.pem", said), HTTPC_E_CA);
	assert_int_equal(ask("https://localhost", files.key, said), HTTPC_E_CA);
	assert_int_equal(server_count(), 0);
	stop();
}

static void scheme_of_the_other_kind_is_told(void **state)
{
	const struct httpd_config plain = server_config();
	char said[FIELD_MESSAGE_SIZE];

	server_start(&server, &plain);
	assert_int_equal(ask("https://localhost", NULL, said), HTTPC_E_FAILED);
	assert_non_null(strstr(said, "ask with http://"));
	server_stop(&server);
}

static int make_other(void **state)
{
	certificate_make(&other, NULL);
	return 0;
}

static int remove_other(void **state)
{
	certificate_remove(&other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_is_trusted_by_its_authority_only),
		cmocka_unit_test(certificate_for_another_name_is_refused),
		cmocka_unit_test(certificate_that_has_expired_is_refused),
		cmocka_unit_test(authority_that_cannot_be_read_is_told),
		cmocka_unit_test(scheme_of_the_other_kind_is_told),
	};

	return cmocka_run_group_tests_name("httpc_tls", tests, make_other, remove_other);
}
