/* A client that speaks TLS as the test wants it, on a blocking socket. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct tls_form {
	int version;           /* TLS1_2_VERSION and the like; 0: any */
	const char *protocols; /* of ALPN: each a byte of length and a name; NULL: none */
	SSL_SESSION *session;  /* to resume; NULL: none */
};

/* Connects, without a handshake yet. form NULL: all by default. */
SSL *tls_connect(uint16_t port, const struct tls_form *form);
/* The same on a socket that is connected, and is closed by tls_close(). */
SSL *tls_attach(int fd, const struct tls_form *form);
/* Does the handshake, which must succeed. */
SSL *tls_open(uint16_t port, const struct tls_form *form);
/* Whether the handshake fails; *ret_alert: the alert that said so, -1: none. */
bool tls_fails(SSL *ssl, int *ret_alert);
/* One request for the path, and the body of its answer; for free(). Fails unless it is 200. */
char *tls_get(SSL *ssl, const char *path);
/* Whether the peer's end comes next; *ret_told: with a close_notify. */
bool tls_sees_end(SSL *ssl, bool *ret_told);
void tls_close(SSL *ssl);
