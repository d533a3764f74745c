/* A server for tests, whose handler says what it was given or does what the path asks for. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "httpd/httpd.h"

enum { SERVER_BODY_MAX = 1000, SERVER_DEFERRED_MAX = 64 };

/*
 * Answers "METHOD path?query headers=N [body]". Paths: /big?N a body of N bytes; /count how many
 * requests came so far; /peer "address
 * port"; /close ends the connection; /hold blocks the loop until server_release(); /defer and
 * /large/defer wait for server_answer(); /204; /stream begins one for server_take_stream(). Bodies: 1000
 * bytes, /large and below 4 MiB.
 */
struct server {
	struct httpd *httpd;
	uint16_t port;
};

/* From now on server_config() has TLS, and client_connect() speaks it. For a main(). */
void server_use_tls(void);
struct httpd_config server_config(void);
void server_start(struct server *server, const struct httpd_config *config);
void server_stop(struct server *server);
/* Open now. */
unsigned int server_connections(const struct server *server);
/* Waits for a deferred exchange and takes the oldest. NULL: none in that time. */
struct httpd_exchange *server_wait_deferred(unsigned int wait_ms);
/* There must be one, soon. */
struct httpd_exchange *server_take_deferred(void);
/* Answers it with what the path says. */
void server_answer(struct httpd_exchange *exchange);
/* The same for streams. */
struct httpd_stream *server_wait_stream(unsigned int wait_ms);
struct httpd_stream *server_take_stream(void);
/* How many streams ended before httpd_stream_end(). */
unsigned int server_gone(void);
/* Requests that the handler has seen, also refused ones. */
unsigned int server_count(void);
/* The thread that handled the last request, for comparing. */
unsigned long server_last_thread(void);
/* Waits until a handler blocks for /hold; lets it go. */
void server_wait_held(void);
void server_release(void);
