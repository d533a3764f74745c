/* `sluice serve`: opens the store, starts service and doors, waits for a signal, stops. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/bootstrap.h"
#include "app/data_dir.h"
#include "app/packets.h"
#include "app/serve.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "doors/http/http.h"
#include "service/service.h"
#include "store/backends.h"

enum {
	EXIT_CANNOT = 2,
	DRAIN_MS = 3000,
	TEND_MS = 1000, /* how often the packet path is looked after */
};

/* Everything that serves, made from top to bottom and freed from bottom to top. */
struct server {
	struct clock clock;
	int signal_fd;
	struct store *store;
	struct datapath *datapath;
	struct service *service;
	struct http *http;
};

static int open_signals(struct server *server)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	server->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signal_fd < 0 ? -errno : 0;
}

static int open_store(struct server *server, const struct options *options,
		      struct field_error *error)
{
	char path[PATH_MAX];
	int err = data_dir_prepare(options->data, error);

	if (err)
		return err;
	if (snprintf(path, sizeof(path), "%s/store.db", options->data) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return store_open_sqlite(path, error, &server->store);
}

static int start_http(struct server *server, const struct options *options,
		      struct field_error *error)
{
	const struct http_config config = {
		.address = (const struct sockaddr *)&options->listen,
		.address_len = options->listen_len,
		.service = server->service,
		.test_clock = options->test_clock ? &server->clock : NULL,
		.poll_threads = options->http_threads,
		.header_timeout_ms = options->header_timeout_ms,
		.body_timeout_ms = options->body_timeout_ms,
		.idle_timeout_ms = options->idle_timeout_ms,
	};

	return http_new(&config, error, &server->http);
}

static int start_service(struct server *server, const struct options *options,
			 struct field_error *error)
{
	struct service_config config = {
		.store = server->store,
		.clock = &server->clock,
		.tenant_keys_max = options->keys_max,
		.packets_needed = options->n_interfaces > 0,
	};
	int err = packets_open(options, &server->datapath);

	if (err)
		return err;
	config.datapath = server->datapath;
	return service_new(&config, error, &server->service);
}

static int start_server(struct server *server, const struct options *options,
			struct field_error *error)
{
	int err = random_init();

	if (options->test_clock)
		clock_init_frozen(&server->clock);
	else
		clock_init_real(&server->clock);
	if (!err)
		err = open_signals(server);
	if (!err)
		err = open_store(server, options, error);
	if (!err)
		err = bootstrap_run(server->store, &server->clock, options->data, error);
	if (!err)
		err = start_service(server, options, error);
	return err ? err : start_http(server, options, error);
}

/* Who could not start may stand beside one that runs: it takes nothing off. */
static void stop_server(struct server *server, bool detach)
{
	http_free(server->http);
	if (server->service)
		service_free(server->service);
	if (server->store)
		store_close(server->store);
	if (server->signal_fd >= 0)
		close(server->signal_fd);
	datapath_close(server->datapath, detach);
}

/* Whoever started it with --listen and port 0 reads the port here. */
static void announce(const struct server *server, const struct options *options)
{
	char address[ADDRESS_TEXT_SIZE];

	address_format(options, http_port(server->http), address);
	if (!options->loopback)
		log_warning("serving %s without TLS: API keys cross the network unencrypted; "
			    "put a proxy with TLS before it",
			    address);
	if (options->test_clock)
		log_warning("the clock stands still: --test-clock is for tests");
	printf("sluice: listening on http://%s\n", address);
	fflush(stdout);
}

/* Logs the last of those beyond `known`; returns how many there are now. */
static uint64_t report_refusals(const struct server *server, uint64_t known)
{
	struct service_refusals refusals;

	service_refusals(server->service, &refusals);
	if (refusals.count > known)
		log_warning("not in force: %s: %s", refusals.last.field, refusals.last.message);
	return refusals.count;
}

static void wait_signal(const struct server *server)
{
	struct pollfd wait = {.fd = server->signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;
	uint64_t refusals = 0;
	int n;

	do {
		refusals = report_refusals(server, refusals);
		n = poll(&wait, 1, TEND_MS);
		if (n == 0)
			datapath_tend(server->datapath);
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		log_info("stopping on %s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
}

/* One line, whatever went wrong. */
static void explain(int err, const struct field_error *error)
{
	if (*error->message)
		fprintf(stderr, "sluice: %s%s%s\n", error->field, *error->field ? ": " : "",
			error->message);
	else
		fprintf(stderr, "sluice: cannot start: %s\n",
			err < 0 ? strerror(-err) : "an unexpected outcome");
}

int serve_run(const struct options *options)
{
	struct server server = {.signal_fd = -1};
	struct field_error error = {.field = ""};
	int err = start_server(&server, options, &error);

	if (err) {
		explain(err, &error);
	} else {
		announce(&server, options);
		wait_signal(&server);
		http_drain(server.http, DRAIN_MS);
	}
	stop_server(&server, options->detach_on_exit && !err);
	return err ? EXIT_CANNOT : 0;
}
