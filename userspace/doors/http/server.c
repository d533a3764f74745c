/* The door as a whole: starts, drains and stops httpd and the workers. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "doors/http/certificate.h"
#include "doors/http/counts.h"
#include "doors/http/exchange.h"
#include "doors/http/http_priv.h"
#include "doors/http/metrics.h"
#include "service/events.h"

enum {
	THREADS_MAX = 4,
	WORKERS_DEFAULT = 2,
	CONNECTIONS_DEFAULT = 4096,
	DESCRIPTORS_OF_OTHERS = 64, /* files, store, epoll */
	HEADER_TIMEOUT_DEFAULT_MS = 10000,
	BODY_TIMEOUT_DEFAULT_MS = 30000,
	IDLE_TIMEOUT_DEFAULT_MS = 60000,
	DRAIN_NOTICE_MS = 250,
	LINES_PER_S = 10, /* about requests that were refused or failed, of a kind */
	LINES_BURST = 100,
	METRICS_CONNECTIONS = 16, /* of the listener for /metrics alone */
	METRICS_MEMORY = 16 << 20,
	MEMORY_DEFAULT = 256 << 20,
};

static void set_default(unsigned int *value, unsigned int by_default)
{
	if (*value == 0)
		*value = by_default;
}

/*
 * Half of the CPUs: one loop answers about 180,000 checks per second, and whoever asks on the same
 * machine needs the others. On two CPUs shared with the clients, one loop answered as many as two
 * or up to 1.2 times as many, for 5 to 20 % less CPU per request.
 */
static unsigned int choose_threads(void)
{
	long half = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	if (half < 1)
		return 1;
	return half < THREADS_MAX ? (unsigned int)half : THREADS_MAX;
}

/* As many descriptors as there may be connections, or as many connections as descriptors. */
static void fit_descriptors(struct http_config *config)
{
	const rlim_t wanted = (rlim_t)config->connections_max + DESCRIPTORS_OF_OTHERS;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= wanted)
		return;
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &files);
	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= wanted)
		return;
	config->connections_max = files.rlim_cur > 2UL * DESCRIPTORS_OF_OTHERS ?
					  (unsigned int)files.rlim_cur - DESCRIPTORS_OF_OTHERS :
					  DESCRIPTORS_OF_OTHERS;
	log_warning("at most %u connections, since only %llu files may be open: raise ulimit -n "
		    "(LimitNOFILE of a unit) to %llu",
		    config->connections_max, (unsigned long long)files.rlim_cur,
		    (unsigned long long)wanted);
}

/* Streams stay: at most half of the connections are theirs. */
static void fit_events(struct http_config *config)
{
	unsigned int most = config->connections_max / 2;

	if (config->events_max <= most)
		return;
	log_warning("http: at most %u streams of events: there may be %u connections", most,
		    config->connections_max);
	config->events_max = most;
}

static void fill_defaults(struct http_config *config)
{
	set_default(&config->poll_threads, choose_threads());
	set_default(&config->worker_threads, WORKERS_DEFAULT);
	set_default(&config->connections_max, CONNECTIONS_DEFAULT);
	set_default(&config->header_timeout_ms, HEADER_TIMEOUT_DEFAULT_MS);
	set_default(&config->body_timeout_ms, BODY_TIMEOUT_DEFAULT_MS);
	set_default(&config->idle_timeout_ms, IDLE_TIMEOUT_DEFAULT_MS);
	if (config->memory_max == 0)
		config->memory_max = MEMORY_DEFAULT;
	fit_descriptors(config);
	fit_events(config);
}

static bool is_about_address(int err)
{
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES ||
	       err == -EAFNOSUPPORT || err == -EINVAL;
}

/* What to do about it, where that is known. */
static const char *advise(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "; `ss -ltnp` shows who listens there";
	case -EACCES:
		return "; ports below 1024 take CAP_NET_BIND_SERVICE";
	case -EADDRNOTAVAIL:
		return "; no interface of this host has it";
	default:
		return "";
	}
}

static int listen_on(const struct httpd_config *config, const char *option,
		     struct field_error *error, struct httpd **ret)
{
	int err = httpd_new(config, ret);

	if (!is_about_address(err))
		return err;
	field_error_set(error, option, "cannot listen on this address: %s%s", strerror(-err),
			advise(err));
	return HTTP_E_LISTEN;
}

static int start_httpd(struct http *http, struct field_error *error)
{
	const struct http_config *config = &http->config;
	const struct httpd_config httpd = {
		.address = config->address,
		.address_len = config->address_len,
		.threads = config->poll_threads,
		.connections_max = config->connections_max,
		.memory_max = config->memory_max,
		.header_timeout_ms = config->header_timeout_ms,
		.body_timeout_ms = config->body_timeout_ms,
		.idle_timeout_ms = config->idle_timeout_ms,
		.tls = http->tls,
		.handler = {.handle = exchange_handle, .body_max = exchange_body_max, .data = http},
	};
	struct httpd *started;
	int err = listen_on(&httpd, "--listen", error, &started);

	if (!err)
		atomic_store(&http->httpd, started);
	return err;
}

static int start_metrics(struct http *http, struct field_error *error)
{
	const struct http_config *config = &http->config;
	const struct httpd_config httpd = {
		.address = config->metrics_address,
		.address_len = config->metrics_address_len,
		.threads = 1,
		.connections_max = METRICS_CONNECTIONS,
		.memory_max = METRICS_MEMORY,
		.header_timeout_ms = config->header_timeout_ms,
		.body_timeout_ms = config->body_timeout_ms,
		.idle_timeout_ms = config->idle_timeout_ms,
		.tls = http->tls,
		.handler = {.handle = metrics_handle, .body_max = metrics_body_max, .data = http},
	};

	if (!config->metrics_address)
		return 0;
	return listen_on(&httpd, "--metrics-listen", error, &http->metrics_httpd);
}

int http_new(const struct http_config *config, struct field_error *error, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	int err;

	if (!http)
		return -ENOMEM;
	http->config = *config;
	pthread_mutex_init(&http->says_lock, NULL);
	http_say_settings(http, "ok");
	http->started_ms = clock_utc_ms(service_clock(config->service));
	fill_defaults(&http->config);
	atomic_init(&http->log_requests, (int)config->log_requests);
	log_bound_init(&http->known_lines, LINES_PER_S, LINES_BURST);
	log_bound_init(&http->stranger_lines, LINES_PER_S, LINES_BURST);
	/* httpd last: requests may come as soon as it listens. */
	err = counts_new(&http->counts);
	if (!err)
		err = worker_pool_new(http->config.worker_threads, &http->workers);
	if (!err)
		err = certificate_load(http, error);
	if (!err)
		err = start_httpd(http, error);
	if (!err)
		err = start_metrics(http, error);
	if (err) {
		http_free(http);
		return err;
	}
	*ret = http;
	return 0;
}

uint16_t http_port(const struct http *http)
{
	return httpd_port(http->httpd);
}

uint16_t http_metrics_port(const struct http *http)
{
	return http->metrics_httpd ? httpd_port(http->metrics_httpd) : 0;
}

void http_set_timeouts(struct http *http, unsigned int header_ms, unsigned int body_ms,
		       unsigned int idle_ms)
{
	httpd_set_timeouts(http->httpd, header_ms, body_ms, idle_ms);
	if (http->metrics_httpd)
		httpd_set_timeouts(http->metrics_httpd, header_ms, body_ms, idle_ms);
}

void http_say_settings(struct http *http, const char *state)
{
	pthread_mutex_lock(&http->says_lock);
	snprintf(http->settings, sizeof(http->settings), "%s", state);
	pthread_mutex_unlock(&http->says_lock);
}

void http_set_log_requests(struct http *http, enum http_log_requests which)
{
	atomic_store(&http->log_requests, (int)which);
}

void http_drain(struct http *http, unsigned int timeout_ms)
{
	atomic_store(&http->draining, true);
	/* Time for whoever asks /readyz to look elsewhere, and for the backlog to be let in. */
	usleep(DRAIN_NOTICE_MS * 1000);
	httpd_drain(http->httpd, timeout_ms);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	/* Runs what was deferred: httpd must not stop before all of that is answered. */
	worker_pool_stop(http->workers);
	/* Nothing is told any more to streams of which httpd knows. */
	events_stop(http->config.service);
	httpd_free(http->metrics_httpd);
	httpd_free(http->httpd);
	worker_pool_free(http->workers);
	certificate_done(http);
	counters_free(http->counts);
	pthread_mutex_destroy(&http->says_lock);
	free(http);
}
