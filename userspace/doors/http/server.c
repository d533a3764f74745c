/* The daemon: listens, starts and stops threads, drains. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "doors/http/connection.h"
#include "doors/http/http_priv.h"

enum {
	POLL_THREADS_MAX = 4, /* see README.md: more fight for the same cores */
	WORKERS_DEFAULT = 2,
	CONNECTIONS_DEFAULT = 4096,
	DESCRIPTORS_OF_OTHERS = 64, /* files, store, epoll */
	HEADER_TIMEOUT_DEFAULT_MS = 10000,
	BODY_TIMEOUT_DEFAULT_MS = 30000,
	IDLE_TIMEOUT_DEFAULT_MS = 60000,
	LISTEN_BACKLOG = 1024,
	DRAIN_NOTICE_MS = 100,
};

static void set_default(unsigned int *value, unsigned int by_default)
{
	if (*value == 0)
		*value = by_default;
}

static unsigned int choose_poll_threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
	return cpus < POLL_THREADS_MAX ? (unsigned int)cpus : POLL_THREADS_MAX;
}

/* As many descriptors as there may be connections, or as many connections as descriptors. */
static void fit_descriptors(struct http_config *config)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	if (files.rlim_cur < config->connections_max + DESCRIPTORS_OF_OTHERS) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		getrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur < config->connections_max + DESCRIPTORS_OF_OTHERS) {
		config->connections_max =
			files.rlim_cur > 2 * DESCRIPTORS_OF_OTHERS ?
				(unsigned int)files.rlim_cur - DESCRIPTORS_OF_OTHERS :
				DESCRIPTORS_OF_OTHERS;
		log_warning("http: at most %u connections: the limit of open files is %llu",
			    config->connections_max, (unsigned long long)files.rlim_cur);
	}
}

static void fill_defaults(struct http_config *config)
{
	set_default(&config->poll_threads, choose_poll_threads());
	set_default(&config->worker_threads, WORKERS_DEFAULT);
	set_default(&config->connections_max, CONNECTIONS_DEFAULT);
	set_default(&config->header_timeout_ms, HEADER_TIMEOUT_DEFAULT_MS);
	set_default(&config->body_timeout_ms, BODY_TIMEOUT_DEFAULT_MS);
	set_default(&config->idle_timeout_ms, IDLE_TIMEOUT_DEFAULT_MS);
	fit_descriptors(config);
}

static int refuse_listen(int err, struct field_error *error)
{
	field_error_set(error, "--listen", "cannot listen on this address: %s", strerror(err));
	return HTTP_E_LISTEN;
}

static int open_listener(struct http *http, struct field_error *error)
{
	const struct http_config *config = &http->config;
	const int on = 1;

	http->listen_fd =
		socket(config->address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (http->listen_fd < 0)
		return refuse_listen(errno, error);
	setsockopt(http->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(http->listen_fd, config->address, config->address_len) ||
	    listen(http->listen_fd, LISTEN_BACKLOG))
		return refuse_listen(errno, error);
	return 0;
}

static int read_port(struct http *http)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(http->listen_fd, (struct sockaddr *)&address, &len))
		return -errno;
	http->port =
		ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port :
						      ((struct sockaddr_in *)&address)->sin_port);
	return 0;
}

__attribute__((format(printf, 2, 0))) static void log_daemon(void *cls, const char *format,
							     va_list args)
{
	char line[256];

	(void)cls;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

/* No timeouts of libmicrohttpd: each byte restarts them, so the watch does that work. */
static int start_daemon(struct http *http)
{
	struct http_config *config = &http->config;
	struct MHD_OptionItem options[] = {
		{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_daemon, NULL},
		{MHD_OPTION_LISTEN_SOCKET, http->listen_fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, config->connections_max, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notify, http},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)connection_completed, http},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)connection_log_uri, http},
		{MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)connection_keep_escapes, NULL},
		/* Refused for one thread, so it stands last and may be cut off. */
		{MHD_OPTION_THREAD_POOL_SIZE, config->poll_threads, NULL},
		{MHD_OPTION_END, 0, NULL},
	};

	if (config->poll_threads < 2)
		options[sizeof(options) / sizeof(options[0]) - 2].option = MHD_OPTION_END;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
						MHD_USE_ITC | MHD_USE_ERROR_LOG,
					0, NULL, NULL, connection_handle, http, MHD_OPTION_ARRAY,
					options, MHD_OPTION_END);
	return http->daemon ? 0 : -ENOMEM;
}

static int start_parts(struct http *http, struct field_error *error)
{
	const struct watch_config watch = {
		.header_timeout_ms = http->config.header_timeout_ms,
		.body_timeout_ms = http->config.body_timeout_ms,
		.idle_timeout_ms = http->config.idle_timeout_ms,
	};
	int err = open_listener(http, error);

	if (!err)
		err = read_port(http);
	if (!err)
		err = watch_new(&watch, &http->watch);
	if (!err)
		err = worker_pool_new(http->config.worker_threads, &http->workers);
	if (!err)
		err = start_daemon(http);
	return err;
}

int http_new(const struct http_config *config, struct field_error *error, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	int err;

	if (!http)
		return -ENOMEM;
	http->config = *config;
	http->listen_fd = -1;
	http->started_ms = clock_utc_ms(service_clock(config->service));
	fill_defaults(&http->config);
	err = start_parts(http, error);
	if (err) {
		http_free(http);
		return err;
	}
	*ret = http;
	return 0;
}

uint16_t http_port(const struct http *http)
{
	return http->port;
}

static void close_listener(struct http *http)
{
	if (http->daemon)
		MHD_quiesce_daemon(http->daemon);
	if (http->listen_fd >= 0)
		close(http->listen_fd);
	http->listen_fd = -1;
}

void http_drain(struct http *http, unsigned int timeout_ms)
{
	atomic_store(&http->draining, true);
	/* While every answer already says "close", whoever stands in the backlog is let in. */
	usleep(DRAIN_NOTICE_MS * 1000);
	close_listener(http);
	watch_drain(http->watch);
	if (!watch_wait_empty(http->watch, timeout_ms))
		log_warning("http: connections were still open after %u ms", timeout_ms);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	close_listener(http);
	/* Suspended connections must be resumed before the daemon stops. */
	worker_pool_stop(http->workers);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	worker_pool_free(http->workers);
	watch_free(http->watch);
	free(http);
}
