/* What a server with TLS does with peers of every kind, and with a certificate in place of another. */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/certificate.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"
#include "unit/httpd/tls_client.h"

enum { SHORT_MS = 60, SLACK_MS = 400 };

static struct httpd_tls *first, *second;
static struct server server;

static void start(unsigned int header_ms, unsigned int connections)
{
	struct httpd_config config = server_config();

	config.header_timeout_ms = header_ms;
	config.connections_max = connections;
	config.tls = first;
	server_start(&server, &config);
}

static void expect_get(SSL *ssl)
{
	char *body = tls_get(ssl, "/a");

	assert_string_equal(body, "GET /a headers=1 []");
	free(body);
}

/* It serves as before. */
static void expect_service(void)
{
	SSL *ssl = tls_open(server.port, NULL);

	expect_get(ssl);
	tls_close(ssl);
}

static void expect_certificate(SSL *ssl, const struct httpd_tls *tls)
{
	X509 *x509 = SSL_get1_peer_certificate(ssl);
	unsigned char digest[32];
	unsigned int len = sizeof(digest);

	assert_true(X509_digest(x509, EVP_sha256(), digest, &len));
	assert_memory_equal(digest, httpd_tls_facts(tls)->digest, sizeof(digest));
	X509_free(x509);
}

static void versions_before_1_2_are_refused(void **state)
{
	static const struct {
		int version;
		bool served;
	} rows[] = {
		{TLS1_VERSION, false},
		{TLS1_1_VERSION, false},
		{TLS1_2_VERSION, true},
		{TLS1_3_VERSION, true},
	};

	start(5000, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tls_form form = {.version = rows[i].version};
		SSL *ssl = tls_connect(server.port, &form);
		int alert;

		assert_int_equal(tls_fails(ssl, &alert), !rows[i].served);
		if (rows[i].served)
			expect_get(ssl);
		else
			assert_int_equal(alert, SSL_AD_PROTOCOL_VERSION);
		tls_close(ssl);
	}
	server_stop(&server);
}

static void protocol_is_http_1_1_or_none(void **state)
{
	static const struct {
		const char *offered;
		const char *chosen; /* NULL: refused */
	} rows[] = {
		{NULL, ""},
		{"\x08http/1.1", "http/1.1"},
		{"\x02h2\x08http/1.1", "http/1.1"},
		{"\x08http/1.1\x02h2", "http/1.1"},
		{"\x08http/1.0\x08http/1.1", "http/1.1"},
		{"\x08http/1.0", "http/1.0"},
		{"\x02h2", NULL},
		{"\x07http/1.", NULL},
		{"\x09http/1.1x", NULL},
	};

	start(5000, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tls_form form = {.protocols = rows[i].offered};
		SSL *ssl = tls_connect(server.port, &form);
		const unsigned char *chosen;
		unsigned int len;
		int alert;

		assert_int_equal(tls_fails(ssl, &alert), rows[i].chosen == NULL);
		if (rows[i].chosen) {
			SSL_get0_alpn_selected(ssl, &chosen, &len);
			assert_int_equal(len, strlen(rows[i].chosen));
			assert_memory_equal(chosen ? (const char *)chosen : "", rows[i].chosen,
					    len);
			expect_get(ssl);
		} else {
			assert_int_equal(alert, SSL_AD_NO_APPLICATION_PROTOCOL);
		}
		tls_close(ssl);
	}
	server_stop(&server);
}

/* Sends what the client's side has to say, one byte in a segment. */
static void send_singly(BIO *from, int fd)
{
	char byte;

	while (BIO_read(from, &byte, 1) == 1)
		client_send(fd, &byte, 1);
}

static void give_some(BIO *to, int fd)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	assert_true(n > 0);
	BIO_write(to, bytes, (int)n);
}

static void handshake_and_request_in_single_bytes_are_answered(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

	start(5000, 100);
	for (size_t i = 0; i < 2; i++) {
		const struct tls_form form = {.version = versions[i]};
		BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
		int fd = client_connect(server.port), one = 1, n = 0;
		SSL *ssl = tls_attach(fd, &form);
		char answer[1000];

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		SSL_set_bio(ssl, down, up);
		while (SSL_do_handshake(ssl) != 1) {
			send_singly(up, fd);
			give_some(down, fd);
		}
		SSL_write(ssl, request, sizeof(request) - 1);
		send_singly(up, fd);
		while ((n = SSL_read(ssl, answer, sizeof(answer) - 1)) <= 0)
			give_some(down, fd);
		answer[n] = '\0';
		assert_non_null(strstr(answer, "GET /a headers=1 []"));
		close(fd);
		SSL_free(ssl);
	}
	server_stop(&server);
}

/* The bytes of a client's first flight; how many. */
static size_t take_hello(char *bytes, size_t size)
{
	SSL *ssl = tls_attach(-1, NULL);
	BIO *up = BIO_new(BIO_s_mem());
	int n;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), up);
	assert_int_not_equal(SSL_do_handshake(ssl), 1);
	n = BIO_read(up, bytes, (int)size);
	assert_true(n > 100);
	SSL_free(ssl);
	return (size_t)n;
}

static void read_up_to_end(int fd)
{
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

static void handshake_that_is_not_finished_ends_at_the_deadline_of_heads(void **state)
{
	char hello[2000];
	size_t len = take_hello(hello, sizeof(hello));
	const size_t sent[] = {0, 1, 5, len / 2, len};

	start(SHORT_MS, 100);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		uint64_t from = client_now_ms();
		int fd = client_connect(server.port);

		client_send(fd, hello, sent[i]);
		read_up_to_end(fd);
		assert_in_range(client_now_ms() - from, SHORT_MS - 10, SHORT_MS + SLACK_MS);
		close(fd);
	}
	assert_int_equal(server_count(), 0);
	server_stop(&server);
}

/* Nothing of it waits for a deadline. */
static void bytes_that_are_no_tls_end_the_connection(void **state)
{
#define BYTES(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		BYTES("\0\0\0\0\0\0\0\0\0\0\0"),
		BYTES("\x16\x03\x01\xff\xff\x01\0\0\0\0\0"),
		BYTES("\x16\x03\x01\0\x05\x01\xff\xff\xff\xff\0\0"),
		BYTES("\x16\x03\x01\0\x04\x02\0\0\0\0\0"),
		BYTES("\x16\x09\x01\0\x05\x01\0\0\x01\0\0\0"),
		BYTES("\x15\x03\x01\0\x02\x02\x28\0\0\0\0"),
		BYTES("\x17\x03\x03\0\x05hello\0"),
		BYTES("\x80\x09\x01\0\x02\0\x03\0\0\0\x10\x05\0\x80"),
		BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	};
	uint64_t from;

	start(5000, 100);
	from = client_now_ms();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client_connect(server.port);

		client_send(fd, rows[i].bytes, rows[i].len);
		read_up_to_end(fd);
		close(fd);
	}
	assert_in_range(client_now_ms() - from, 0, 2000);
	assert_int_equal(server_count(), 0);
	expect_service();
	server_stop(&server);
}

static void tell_reason(struct httpd_exchange *exchange, const struct httpd_request *request,
			void *data)
{
	const char *reason = request->refused_reason;
	struct httpd_answer answer = {.status = request->refused_status,
				      .body = {reason, strlen(reason)}};

	httpd_answer(exchange, &answer);
}

static void plain_http_is_refused_in_plain_words(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"get",
		"Z",
	};
	struct httpd_config config = server_config();

	config.tls = first;
	config.handler.handle = tell_reason;
	server_start(&server, &config);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int fd = client_connect(server.port);
		char *answer;

		client_send_text(fd, requests[i]);
		answer = client_read_to_end(fd);
		assert_memory_equal(answer, "HTTP/1.1 400 ", 13);
		assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
		assert_non_null(strstr(answer, "https://"));
		assert_null(strstr(answer + 1, "HTTP/1.1"));
		free(answer);
		close(fd);
	}
	server_stop(&server);
}

static void renegotiation_is_refused(void **state)
{
	const struct tls_form form = {.version = TLS1_2_VERSION};
	SSL *ssl;

	start(5000, 100);
	ssl = tls_open(server.port, &form);
	expect_get(ssl);
	assert_int_equal(SSL_renegotiate(ssl), 1);
	assert_int_not_equal(SSL_do_handshake(ssl), 1);
	tls_close(ssl);
	expect_service();
	server_stop(&server);
}

static bool update_keys(SSL *ssl, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		if (!SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) || SSL_do_handshake(ssl) != 1)
			return false;
	return true;
}

static void keys_may_change_now_and_then_but_not_without_end(void **state)
{
	uint64_t from;
	SSL *ssl;
	bool told;

	start(5000, 100);
	ssl = tls_open(server.port, NULL);
	for (int i = 0; i < 5; i++) {
		expect_get(ssl);
		assert_true(update_keys(ssl, 5));
	}
	expect_get(ssl);
	from = client_now_ms();
	if (update_keys(ssl, 1000))
		assert_true(tls_sees_end(ssl, &told));
	/* Not by a deadline. */
	assert_in_range(client_now_ms() - from, 0, 2000);
	tls_close(ssl);
	expect_service();
	server_stop(&server);
}

static void session_is_resumed_from_a_ticket(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	start(5000, 100);
	for (size_t i = 0; i < 2; i++) {
		struct tls_form form = {.version = versions[i]};
		SSL *ssl = tls_open(server.port, &form);

		/* A ticket comes with the first answer. */
		expect_get(ssl);
		form.session = SSL_get1_session(ssl);
		/* A session that is torn off is not taken up again. */
		SSL_shutdown(ssl);
		tls_close(ssl);
		ssl = tls_open(server.port, &form);
		assert_true(SSL_session_reused(ssl));
		expect_get(ssl);
		tls_close(ssl);
		/* The new certificate has keys of its own for tickets. */
		httpd_set_tls(server.httpd, second);
		ssl = tls_open(server.port, &form);
		assert_false(SSL_session_reused(ssl));
		expect_get(ssl);
		tls_close(ssl);
		httpd_set_tls(server.httpd, first);
		SSL_SESSION_free(form.session);
	}
	server_stop(&server);
}

static void certificate_set_is_for_newcomers_only(void **state)
{
	SSL *old, *fresh;

	start(5000, 100);
	old = tls_open(server.port, NULL);
	expect_certificate(old, first);
	expect_get(old);
	httpd_set_tls(server.httpd, second);
	fresh = tls_open(server.port, NULL);
	expect_certificate(fresh, second);
	expect_get(fresh);
	expect_get(old);
	tls_close(old);
	tls_close(fresh);
	server_stop(&server);
}

static void certificate_outlives_its_maker_in_use(void **state)
{
	struct httpd_config config = server_config();
	struct certificate files;
	SSL *ssl;

	certificate_make(&files, NULL);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &config.tls), 0);
	certificate_remove(&files);
	server_start(&server, &config);
	httpd_tls_free(config.tls);
	ssl = tls_open(server.port, NULL);
	httpd_set_tls(server.httpd, first);
	expect_get(ssl);
	tls_close(ssl);
	server_stop(&server);
}

static void end_is_told_to_the_idle(void **state)
{
	struct httpd_config config = server_config();
	bool told;
	SSL *ssl;

	config.tls = first;
	config.idle_timeout_ms = SHORT_MS;
	server_start(&server, &config);
	ssl = tls_open(server.port, NULL);
	expect_get(ssl);
	assert_true(tls_sees_end(ssl, &told));
	assert_true(told);
	tls_close(ssl);
	server_stop(&server);
}

static void peer_that_ends_without_a_word_is_forgotten(void **state)
{
	SSL *ssl;

	start(5000, 100);
	for (int i = 0; i < 50; i++) {
		ssl = tls_open(server.port, NULL);
		if (i % 2)
			SSL_write(ssl, "GET / HTTP/1.1\r\n", 16);
		tls_close(ssl);
	}
	expect_service();
	for (int i = 0; i < 200 && server_connections(&server) > 0; i++)
		usleep(5000);
	assert_int_equal(server_connections(&server), 0);
	server_stop(&server);
}

static void newcomer_without_room_is_closed_at_once(void **state)
{
	bool told;
	struct httpd_exchange *exchange;
	SSL *busy, *fresh;
	int alert;

	start(5000, 1);
	busy = tls_open(server.port, NULL);
	SSL_write(busy, "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n", 32);
	exchange = server_take_deferred();
	for (int i = 0; i < 20; i++) {
		fresh = tls_connect(server.port, NULL);
		assert_true(tls_fails(fresh, &alert));
		assert_true(tls_sees_end(fresh, &told));
		tls_close(fresh);
	}
	server_answer(exchange);
	tls_close(busy);
	server_stop(&server);
}

static void *drain(void *data)
{
	httpd_drain(server.httpd, 3000);
	return data;
}

static void drain_waits_for_a_handshake_and_its_request(void **state)
{
	const struct tls_form form = {.version = TLS1_3_VERSION};
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	pthread_t thread;
	int fd;
	SSL *ssl;
	char *answer;

	start(5000, 100);
	fd = client_connect(server.port);
	ssl = tls_attach(fd, &form);
	SSL_set_bio(ssl, down, up);
	assert_int_not_equal(SSL_do_handshake(ssl), 1);
	send_singly(up, fd);
	give_some(down, fd);
	assert_int_equal(pthread_create(&thread, NULL, drain, NULL), 0);
	usleep(20000);
	while (SSL_do_handshake(ssl) != 1)
		give_some(down, fd);
	SSL_write(ssl, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 28);
	send_singly(up, fd);
	answer = calloc(1, 1000);
	while (SSL_read(ssl, answer, 999) <= 0)
		give_some(down, fd);
	assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
	free(answer);
	close(fd);
	SSL_free(ssl);
	pthread_join(thread, NULL);
	server_stop(&server);
}

static int make_certificates(void **state)
{
	struct certificate files;

	certificate_make(&files, NULL);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &first), 0);
	certificate_remove(&files);
	certificate_make(&files, NULL);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &second), 0);
	certificate_remove(&files);
	return 0;
}

static int free_certificates(void **state)
{
	httpd_tls_free(first);
	httpd_tls_free(second);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_before_1_2_are_refused),
		cmocka_unit_test(protocol_is_http_1_1_or_none),
		cmocka_unit_test(handshake_and_request_in_single_bytes_are_answered),
		cmocka_unit_test(handshake_that_is_not_finished_ends_at_the_deadline_of_heads),
		cmocka_unit_test(bytes_that_are_no_tls_end_the_connection),
		cmocka_unit_test(plain_http_is_refused_in_plain_words),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(keys_may_change_now_and_then_but_not_without_end),
		cmocka_unit_test(session_is_resumed_from_a_ticket),
		cmocka_unit_test(certificate_set_is_for_newcomers_only),
		cmocka_unit_test(certificate_outlives_its_maker_in_use),
		cmocka_unit_test(end_is_told_to_the_idle),
		cmocka_unit_test(peer_that_ends_without_a_word_is_forgotten),
		cmocka_unit_test(newcomer_without_room_is_closed_at_once),
		cmocka_unit_test(drain_waits_for_a_handshake_and_its_request),
	};

	return cmocka_run_group_tests_name("httpd_tls", tests, make_certificates,
					   free_certificates);
}
