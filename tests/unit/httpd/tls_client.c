/* Wraps OpenSSL's client for tests; nobody here looks at whom he speaks to. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "unit/httpd/client.h"
#include "unit/httpd/tls_client.h"

static SSL_CTX *context;

static void free_context(void)
{
	SSL_CTX_free(context);
}

static void make_context(void)
{
	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_client_method());
	/* Old versions are for the server to refuse. */
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	atexit(free_context);
}

SSL *tls_attach(int fd, const struct tls_form *form)
{
	static const struct tls_form plain;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	SSL *ssl;

	pthread_once(&once, make_context);
	form = form ? form : &plain;
	ssl = SSL_new(context);
	SSL_set_connect_state(ssl);
	if (form->version) {
		SSL_set_min_proto_version(ssl, form->version);
		SSL_set_max_proto_version(ssl, form->version);
	}
	if (form->protocols)
		SSL_set_alpn_protos(ssl, (const unsigned char *)form->protocols,
				    (unsigned int)strlen(form->protocols));
	if (form->session)
		SSL_set_session(ssl, form->session);
	SSL_set_fd(ssl, fd);
	ERR_clear_error();
	return ssl;
}

SSL *tls_connect(uint16_t port, const struct tls_form *form)
{
	return tls_attach(client_connect(port), form);
}

SSL *tls_open(uint16_t port, const struct tls_form *form)
{
	SSL *ssl = tls_connect(port, form);

	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

bool tls_fails(SSL *ssl, int *ret_alert)
{
	int reason;

	*ret_alert = -1;
	if (SSL_connect(ssl) == 1)
		return false;
	reason = ERR_GET_REASON(ERR_peek_last_error());
	if (reason >= SSL_AD_REASON_OFFSET)
		*ret_alert = reason - SSL_AD_REASON_OFFSET;
	ERR_clear_error();
	return true;
}

/* Up to `end`, or as many bytes. */
static size_t read_answer(SSL *ssl, char *text, size_t size, const char *end, size_t exactly)
{
	size_t len = 0, n;

	while (end ? !strstr(text, end) : len < exactly) {
		assert_true(len + 1 < size);
		assert_true(SSL_read_ex(ssl, text + len, end ? 1 : exactly - len, &n));
		len += n;
		text[len] = '\0';
	}
	return len;
}

char *tls_get(SSL *ssl, const char *path)
{
	char head[4000] = "", *body;
	const char *length;
	size_t size, n;

	n = (size_t)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	assert_true(SSL_write_ex(ssl, head, n, &n));
	*head = '\0';
	read_answer(ssl, head, sizeof(head), "\r\n\r\n", 0);
	assert_memory_equal(head, "HTTP/1.1 200 ", 13);
	length = strstr(head, "Content-Length: ");
	assert_non_null(length);
	size = strtoul(length + 16, NULL, 10);
	body = calloc(1, size + 2);
	read_answer(ssl, body, size + 2, NULL, size);
	return body;
}

bool tls_sees_end(SSL *ssl, bool *ret_told)
{
	char byte;
	int n;

	ERR_clear_error();
	n = SSL_read(ssl, &byte, 1);
	*ret_told = n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
	return n <= 0;
}

void tls_close(SSL *ssl)
{
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
}
