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
#include "app/limits.h"
#include "app/packets.h"
#include "app/serve.h"
#include "app/version.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "doors/http/http.h"
#include "journal/backends.h"
#include "service/service.h"
#include "store/backends.h"

enum {
	EXIT_CANNOT = 2,
	DRAIN_MS = 3000,
	TEND_MS = 1000, /* how often the packet path is looked after */
	EDIT_MS = 100,  /* what changes together, editors write within that */
};

/* Everything that serves, made from top to bottom and freed from bottom to top. */
struct server {
	struct clock clock;
	int signal_fd;
	int watch_fd; /* of the directory of limits; -1: none */
	struct store *store;
	struct journal *journal; /* NULL: could not be opened */
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
	sigaddset(&signals, SIGHUP);
	server->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signal_fd < 0 ? -errno : 0;
}

static int open_store(struct server *server, const struct settings *settings,
		      struct field_error *error)
{
	char path[PATH_MAX];
	int err = data_dir_prepare(settings->data, error);

	if (err)
		return err;
	if (snprintf(path, sizeof(path), "%s/store.db", settings->data) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return store_open_sqlite(path, error, &server->store);
}

static int start_http(struct server *server, const struct settings *settings,
		      struct field_error *error)
{
	const struct conf_address *metrics = &settings->metrics_listen;
	const struct http_config config = {
		.address = (const struct sockaddr *)&settings->listen.at,
		.address_len = settings->listen.len,
		.metrics_address = metrics->len ? (const struct sockaddr *)&metrics->at : NULL,
		.metrics_address_len = metrics->len,
		.service = server->service,
		.test_clock = settings->test_clock ? &server->clock : NULL,
		.version = SLUICE_VERSION,
		.poll_threads = (uint32_t)settings->http_threads,
		.header_timeout_ms = (uint32_t)settings->header_timeout_ms,
		.body_timeout_ms = (uint32_t)settings->body_timeout_ms,
		.idle_timeout_ms = (uint32_t)settings->idle_timeout_ms,
	};

	return http_new(&config, error, &server->http);
}

static int start_service(struct server *server, const struct settings *settings,
			 struct field_error *error)
{
	struct field_error no_journal = {.message = "there is not enough memory"};
	struct service_config config = {
		.store = server->store,
		.clock = &server->clock,
		.tenant_keys_max = settings->keys_max,
		.packets_needed = settings->n_interfaces > 0,
		.snapshot_interval_ms = (uint32_t)settings->snapshot_interval_ms,
	};
	int err = packets_open(settings, &server->datapath);

	if (err)
		return err;
	config.datapath = server->datapath;
	/* Without it a restart forgets what was consumed: no reason not to serve. */
	if (journal_open_file(settings->data, &no_journal, &server->journal))
		config.journal_off = no_journal.message;
	config.journal = server->journal;
	return service_new(&config, error, &server->service);
}

static void watch_limits(struct server *server, const char *dir)
{
	if (server->watch_fd >= 0)
		close(server->watch_fd);
	server->watch_fd = limits_watch(dir);
	if (server->watch_fd < 0)
		log_warning("%s: changes are not noticed, only SIGHUP: %s", dir,
			    strerror(-server->watch_fd));
}

/* Watched first: what changes between the two is read again. */
static int start_limits(struct server *server, const struct settings *settings,
			struct field_error *error)
{
	struct admin_files_result result;
	char text[CONF_ERROR_SIZE];
	struct conf_error why;
	int err;

	if (settings->limits)
		watch_limits(server, settings->limits);
	err = limits_apply(server->service, settings->limits, &why, &result);
	if (err <= 0)
		return err;
	conf_error_format(&why, text);
	field_error_set(error, "", "%s", text);
	return err;
}

static int start_server(struct server *server, const struct settings *settings,
			struct field_error *error)
{
	int err = random_init();

	if (settings->test_clock)
		clock_init_frozen(&server->clock);
	else
		clock_init_real(&server->clock);
	if (!err)
		err = open_signals(server);
	if (!err)
		err = open_store(server, settings, error);
	if (!err)
		err = bootstrap_run(server->store, &server->clock, settings, error);
	if (!err)
		err = start_service(server, settings, error);
	if (!err)
		err = start_limits(server, settings, error);
	return err ? err : start_http(server, settings, error);
}

/* What goes on without us. */
static void report_left(const struct server *server, const struct settings *settings)
{
	struct datapath_interface left[DATAPATH_INTERFACES_MAX];
	size_t n = datapath_interfaces(server->datapath, left, DATAPATH_INTERFACES_MAX);

	for (size_t i = 0; i < n && i < DATAPATH_INTERFACES_MAX; i++)
		if (left[i].mode != DATAPATH_NONE)
			log_info("%s: packets go on being limited; to end that, start once more "
				 "with --detach-on-exit and stop, or remove %s",
				 left[i].name, settings->pin_dir);
}

/* Who finds the pins taken by another has nothing to detach. */
static void stop_server(struct server *server, bool detach)
{
	http_free(server->http);
	if (server->service)
		service_free(server->service);
	journal_close(server->journal);
	if (server->store)
		store_close(server->store);
	if (server->signal_fd >= 0)
		close(server->signal_fd);
	if (server->watch_fd >= 0)
		close(server->watch_fd);
	datapath_close(server->datapath, detach);
}

/* Whoever started it with --listen and port 0 reads the port here. */
static void announce(const struct server *server, const struct settings *settings)
{
	char address[ADDRESS_TEXT_SIZE];

	address_format(&settings->listen, http_port(server->http), address);
	if (!settings->listen.loopback)
		log_warning("serving %s without TLS: API keys cross the network unencrypted; "
			    "put a proxy with TLS before it",
			    address);
	if (settings->test_clock)
		log_warning("the clock stands still: --test-clock is for tests");
	printf("sluice: listening on http://%s\n", address);
	if (http_metrics_port(server->http)) {
		address_format(&settings->metrics_listen, http_metrics_port(server->http), address);
		printf("sluice: metrics on http://%s/metrics\n", address);
	}
	fflush(stdout);
}

/* What an operator must know and no caller is told. */
struct reported {
	uint64_t refusals;
	uint64_t taken_back;
	struct service_snapshots snapshots;
};

/* Each trouble once, and its end. */
static void report_snapshots(const struct server *server, struct service_snapshots *reported)
{
	struct service_snapshots state;

	service_snapshots(server->service, &state);
	if (strcmp(state.lost, reported->lost) != 0)
		log_error("%s", state.lost);
	if (state.keys != reported->keys)
		log_info("what %llu keys consumed was taken over", (unsigned long long)state.keys);
	if (strcmp(state.failing, reported->failing) != 0) {
		if (*state.failing)
			log_error("%s; a restart would forget what is consumed from now on",
				  state.failing);
		else
			log_info("snapshots are written again");
	}
	*reported = state;
}

/* Logs the last of each that is new. */
static void report_news(const struct server *server, struct reported *reported)
{
	struct service_refusals refusals;
	struct service_taken_back taken;

	service_refusals(server->service, &refusals);
	if (refusals.count > reported->refusals)
		log_warning("not in force: %s: %s", refusals.last.field, refusals.last.message);
	service_taken_back(server->service, &taken);
	if (taken.count > reported->taken_back)
		log_warning("limit %s was not confirmed in time: taken back%s", taken.last_id,
			    taken.count > reported->taken_back + 1 ? ", and others" : "");
	reported->refusals = refusals.count;
	reported->taken_back = taken.count;
	report_snapshots(server, &reported->snapshots);
}

/* What was asked for by a signal. */
static void reload(struct server *server, const struct conf *conf)
{
	const char *dir = conf_settings(conf)->limits;

	log_info("SIGHUP: %s; settings are read at the start only",
		 dir ? "limits of files are read again" : "there is no directory of limits");
	if (!dir)
		return;
	/* The directory itself may be another by now. */
	watch_limits(server, dir);
	limits_reload(server->service, dir);
}

/* Whether to go on. */
static bool heed_signal(struct server *server, const struct conf *conf)
{
	bool reloads = conf_has_file(conf) || conf_settings(conf)->limits;
	struct signalfd_siginfo info;

	if (read(server->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP && reloads) {
		reload(server, conf);
		return true;
	}
	log_info("stopping on SIG%s", sigabbrev_np((int)info.ssi_signo));
	return false;
}

/* Looks at the files a moment after the first event, whether or not more come. */
static void heed_files(struct server *server, const struct conf *conf, struct pollfd *files)
{
	if (files->revents) {
		files->fd = -1;
		return;
	}
	if (files->fd >= 0 || server->watch_fd < 0)
		return;
	limits_watch_drain(server->watch_fd);
	limits_reload(server->service, conf_settings(conf)->limits);
	files->fd = server->watch_fd;
}

static void wait_signal(struct server *server, const struct conf *conf, struct reported *reported)
{
	struct pollfd wait[] = {
		{.fd = server->signal_fd, .events = POLLIN},
		{.fd = server->watch_fd, .events = POLLIN},
	};
	bool go_on = true;

	while (go_on) {
		int n;

		report_news(server, reported);
		wait[0].revents = wait[1].revents = 0;
		n = poll(wait, 2, wait[1].fd < 0 && server->watch_fd >= 0 ? EDIT_MS : TEND_MS);
		if (n == 0)
			datapath_tend(server->datapath);
		if (wait[0].revents) {
			go_on = heed_signal(server, conf);
			wait[1].fd = server->watch_fd;
		} else {
			heed_files(server, conf, &wait[1]);
		}
	}
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

/* Answers what is under way, then writes down what all of it has consumed. */
static void end_serving(struct server *server, struct reported *reported)
{
	http_drain(server->http, DRAIN_MS);
	http_free(TAKE_PTR(server->http));
	service_save(server->service);
	report_snapshots(server, &reported->snapshots);
}

int serve_run(const struct conf *conf)
{
	const struct settings *settings = conf_settings(conf);
	struct server server = {.signal_fd = -1, .watch_fd = -1};
	struct reported reported = {0};
	struct field_error error = {.field = ""};
	int err = start_server(&server, settings, &error);

	if (err) {
		explain(err, &error);
	} else {
		announce(&server, settings);
		wait_signal(&server, conf, &reported);
		end_serving(&server, &reported);
		if (!settings->detach_on_exit)
			report_left(&server, settings);
	}
	stop_server(&server, settings->detach_on_exit);
	return err ? EXIT_CANNOT : 0;
}
