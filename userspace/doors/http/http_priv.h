/* The door's own state, shared by its files. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/log_bound.h"
#include "doors/http/http.h"
#include "doors/http/request.h"
#include "doors/http/worker.h"
#include "metrics/counters.h"

struct httpd;
struct httpd_tls;

/* Made by http_new(); only draining and what says_lock guards change afterwards. */
struct http {
	struct http_config config;
	uint64_t started_ms;         /* unix time */
	struct httpd *_Atomic httpd; /* NULL until it listens, when requests may already be there */
	struct httpd *metrics_httpd; /* NULL: none */
	struct httpd_tls *tls; /* of newcomers; NULL: plain. Of who reloads, see certificate.h */
	_Atomic int64_t tls_expires; /* of it; unix seconds */
	atomic_bool tls_refused;     /* what the files hold now */
	struct worker_pool *workers;
	struct counters *counts; /* see counts.h */
	atomic_bool draining;
	atomic_uint streams;          /* of events, those that are about to end too */
	_Atomic uint64_t events_sent; /* of all that there were */
	_Atomic uint64_t events_lost;
	atomic_int log_requests; /* enum http_log_requests */
	/* Of lines about what was refused or failed: of callers with a known key, and of others. */
	struct log_bound known_lines, stranger_lines;
	pthread_mutex_t says_lock; /* held to copy a line */
	char settings[HTTP_SETTINGS_SIZE];
};

static inline struct service *request_service(const struct request *request)
{
	return request->http->config.service;
}
