/* The HTTP door: answers checks, changes limits and reports health over HTTP/1.1. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/field_error.h"
#include "service/service.h"

/* The address cannot be listened on; *error says why. */
#define HTTP_E_LISTEN 1
/* The certificate or its key cannot be used; *error names the setting, the file and the reason. */
#define HTTP_E_TLS 2

/* Which requests have a line in the log; each has what stands before it, too. */
enum http_log_requests {
	HTTP_LOG_NONE,
	HTTP_LOG_CHANGES, /* admin calls that may change something, and answers 5xx */
	HTTP_LOG_ERRORS,  /* answers 4xx, but for the verdict of a check */
	HTTP_LOG_ALL,
};

struct http_config {
	const struct sockaddr *address; /* IPv4 or IPv6; port 0: any */
	socklen_t address_len;
	const struct sockaddr *metrics_address; /* of a listener for /metrics alone; NULL: none */
	socklen_t metrics_address_len;
	const char *tls_cert,
		*tls_key;          /* PEM files, for both listeners; NULL: plain. For http_new() */
	struct service *service;   /* borrowed; outlives the door */
	struct clock *test_clock;  /* borrowed; NULL: no /test/clock */
	const char *version;       /* borrowed; shown by /metrics */
	unsigned int poll_threads; /* 0: half the CPUs, at most 4 */
	unsigned int worker_threads;    /* 0: 2 */
	unsigned int connections_max;   /* 0: 4096; beyond, who waited longest makes room */
	size_t memory_max;              /* 0: 256 MiB; bytes that connections hold, see httpd.h */
	unsigned int header_timeout_ms; /* 0: 10 s, from connecting or from a request's first byte */
	unsigned int body_timeout_ms;   /* 0: 30 s, from the end of the headers */
	unsigned int idle_timeout_ms;   /* 0: 60 s, between requests and for taking an answer */
	enum http_log_requests log_requests;
	unsigned int events_max; /* streams of events at a time; 0: they are off */
};

struct http;

/* Listens and answers from its own threads. 0, HTTP_E_* or -errno. */
int http_new(const struct http_config *config, struct field_error *error, struct http **ret);
/* The port it listens on. */
uint16_t http_port(const struct http *http);
/* The same of the listener for /metrics alone; 0: there is none. */
uint16_t http_metrics_port(const struct http *http);
/* Other times for connections, as httpd_set_timeouts(). */
void http_set_timeouts(struct http *http, unsigned int header_ms, unsigned int body_ms,
		       unsigned int idle_ms);
void http_set_log_requests(struct http *http, enum http_log_requests which);
enum { HTTP_SETTINGS_SIZE = 512 };
/* What /readyz?verbose says of the settings: "ok" until then; copied, cut to HTTP_SETTINGS_SIZE. */
void http_say_settings(struct http *http, const char *state);
/* Whether a certificate and its key can be used. 0, HTTP_E_TLS or -ENOMEM. */
int http_check_tls(const char *cert, const char *key, struct field_error *error);
/* The certificate that newcomers get. */
struct http_certificate {
	int64_t begins, expires; /* unix seconds */
	bool key_open;           /* everybody on this host may read or write the key's file */
};
/* False: there is no TLS. Not beside http_reload_tls(). */
bool http_certificate(const struct http *http, struct http_certificate *ret);
/*
 * Reads certificate and key again, maybe from other files, and takes them over as a whole for new
 * connections; or keeps the former, which /readyz?verbose and a metric then tell. A certificate out
 * of its time does not replace one that is in it, and TLS does not begin or end without a restart.
 * 0, HTTP_E_TLS or -ENOMEM. One thread at a time.
 */
int http_reload_tls(struct http *http, const char *cert, const char *key,
		    struct field_error *error);
/*
 * Accepts no more connections, lets /readyz say 503, answers what is under way with
 * "Connection: close" and closes idle connections; returns when none is left or after
 * timeout_ms. Call it once, before http_free().
 */
void http_drain(struct http *http, unsigned int timeout_ms);
/* Closes what is left and joins all threads. NULL is fine. */
void http_free(struct http *http);
