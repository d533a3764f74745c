/* `sluice serve`: opens the store, starts service and doors, waits for a signal, stops. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/announce.h"
#include "app/bootstrap.h"
#include "app/data_dir.h"
#include "app/notify.h"
#include "app/packets.h"
#include "app/reload.h"
#include "app/report.h"
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

static int make_ledger(struct server *server, const struct settings *settings)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/ledger.db", settings->data) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return ledger_new_file(path, &server->ledger);
}

static_assert((int)CONF_LOG_NONE == HTTP_LOG_NONE && (int)CONF_LOG_CHANGES == HTTP_LOG_CHANGES &&
		      (int)CONF_LOG_ERRORS == HTTP_LOG_ERRORS && (int)CONF_LOG_ALL == HTTP_LOG_ALL,
	      "the words of the setting are what the door logs");

static int start_http(struct server *server, const struct settings *settings,
		      struct field_error *error)
{
	const struct conf_address *metrics = &settings->metrics_listen;
	const struct http_config config = {
		.address = (const struct sockaddr *)&settings->listen.at,
		.address_len = settings->listen.len,
		.metrics_address = metrics->len ? (const struct sockaddr *)&metrics->at : NULL,
		.metrics_address_len = metrics->len,
		.tls_cert = settings->tls_cert,
		.tls_key = settings->tls_key,
		.service = server->service,
		.test_clock = settings->test_clock ? &server->clock : NULL,
		.version = SLUICE_VERSION,
		.poll_threads = (uint32_t)settings->http_threads,
		.memory_max = settings->http_bytes,
		.header_timeout_ms = (uint32_t)settings->header_timeout_ms,
		.body_timeout_ms = (uint32_t)settings->body_timeout_ms,
		.idle_timeout_ms = (uint32_t)settings->idle_timeout_ms,
		.events_max = (unsigned int)settings->events_max,
		.log_requests = (enum http_log_requests)settings->log_requests,
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
		.audit_keep_ms = settings->audit_keep_ms,
		.usage_keep_ms = settings->usage_keep_ms,
	};
	int err = packets_open(settings, &server->datapath);

	if (!err)
		err = make_ledger(server, settings);
	if (err)
		return err;
	config.datapath = server->datapath;
	/* Without it a restart forgets what was consumed: no reason not to serve. */
	if (journal_open_file(settings->data, &no_journal, &server->journal))
		config.journal_off = no_journal.message;
	config.journal = server->journal;
	config.ledger = server->ledger;
	return service_new(&config, error, &server->service);
}

static int start_server(struct server *server, struct field_error *error)
{
	const struct settings *settings = conf_settings(server->conf);
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
		err = bootstrap_run(server->store, &server->clock, settings, error,
				    &server->first_boot);
	if (!err)
		err = start_service(server, settings, error);
	if (!err)
		err = reload_start(server, error);
	return err ? err : start_http(server, settings, error);
}

/* Who finds the pins taken by another has nothing to detach. */
static void stop_server(struct server *server, bool detach)
{
	http_free(server->http);
	if (server->service)
		service_free(server->service);
	journal_close(server->journal);
	ledger_free(server->ledger);
	if (server->store)
		store_close(server->store);
	if (server->signal_fd >= 0)
		close(server->signal_fd);
	watch_done(&server->limits);
	tls_done(&server->tls);
	datapath_close(server->datapath, detach);
	conf_free(server->fresh);
}

/* Whether to go on. */
static bool heed_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP && reload_wanted(server)) {
		reload_now(server);
		return true;
	}
	announce_stop((int)info.ssi_signo, info.ssi_pid);
	return false;
}

static void wait_signal(struct server *server, struct reported *reported)
{
	struct pollfd wait[1 + RELOAD_WATCHES] = {{.fd = server->signal_fd, .events = POLLIN}};
	bool go_on = true;

	while (go_on) {
		report_news(server, reported);
		wait[0].revents = 0;
		if (poll(wait, 1 + RELOAD_WATCHES, reload_prepare(server, wait + 1)) == 0)
			datapath_tend(server->datapath);
		if (wait[0].revents)
			go_on = heed_signal(server);
		else
			reload_heed(server, wait + 1);
	}
}

/* Answers what is under way, then writes down what all of it has consumed. */
static void end_serving(struct server *server, struct reported *reported)
{
	http_drain(server->http, DRAIN_MS);
	http_free(TAKE_PTR(server->http));
	service_save(server->service);
	report_snapshots(server, reported);
	report_ledger(server, reported);
	announce_end(server);
}

int serve_run(const struct conf *conf)
{
	bool detach = conf_settings(conf)->detach_on_exit;
	struct server server = {.conf = conf, .signal_fd = -1, .began_ms = monotonic_ms()};
	struct reported reported = {0};
	struct field_error error = {.field = ""};
	int err;

	watch_init(&server.limits);
	tls_init(&server.tls);
	err = start_server(&server, &error);
	if (err) {
		announce_failure(err, &error);
	} else {
		announce_start(&server);
		notify_manager("READY=1");
		if (!server.first_boot)
			bootstrap_warn(server.store, conf_settings(conf));
		wait_signal(&server, &reported);
		server.began_ms = monotonic_ms();
		notify_manager("STOPPING=1");
		end_serving(&server, &reported);
		if (!detach)
			announce_left(&server);
	}
	stop_server(&server, detach);
	return err ? EXIT_CANNOT : 0;
}
