/* What `sluice serve` says as it begins and as it ends. */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/announce.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/history.h"

enum {
	FLUSH_MS = 500,
};

/* "eth0:native,eth1:none", NULL for none. */
static const char *put_interfaces(const struct service_packets *packets, struct buf *text)
{
	for (size_t i = 0; i < packets->n_interfaces; i++)
		buf_printf(text, "%s%s:%s", i ? "," : "", packets->interfaces[i].name,
			   datapath_mode_name(packets->interfaces[i].mode));
	return packets->n_interfaces && !text->failed ? text->data : NULL;
}

static void log_started(const struct server *server, const char *listen, const char *metrics)
{
	const struct settings *settings = conf_settings(server->conf);
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(server->service);
	_cleanup_buf_ struct buf interfaces;
	struct service_packets packets;

	buf_init(&interfaces);
	service_packets(server->service, &packets);
	log_event(LOG_LEVEL_INFO, "started", LOG_STR("version", SLUICE_VERSION),
		  LOG_STR("listen", listen), LOG_STR("metrics_listen", metrics),
		  LOG_STR("data", settings->data), LOG_STR("limits_dir", settings->limits),
		  LOG_U64("limits", catalog->n_limits), LOG_U64("packet_limits", packets.in_force),
		  LOG_STR("interfaces", put_interfaces(&packets, &interfaces)),
		  LOG_U64("took_ms", monotonic_ms() - server->began_ms));
}

/* metrics: NULL for none. */
static void warn_of_dangers(const struct settings *settings, const char *listen,
			    const char *metrics)
{
	if (!settings->tls_cert && !settings->listen.loopback)
		log_warning("serving %s without TLS: API keys cross the network unencrypted; set "
			    "tls_cert and tls_key, or put a proxy with TLS before it",
			    listen);
	if (!settings->tls_cert && metrics && !settings->metrics_listen.loopback)
		log_warning("serving metrics on %s without TLS: the network can read them; set "
			    "tls_cert and tls_key, or put a proxy with TLS before it",
			    metrics);
	if (settings->test_clock)
		log_warning("the clock stands still: --test-clock is for tests");
}

/* Whoever started it with --listen and port 0 reads the port here. */
void announce_start(const struct server *server)
{
	const struct settings *settings = conf_settings(server->conf);
	char listen[ADDRESS_TEXT_SIZE], metrics[ADDRESS_TEXT_SIZE];
	const char *scheme = settings->tls_cert ? "https" : "http";
	bool has_metrics = http_metrics_port(server->http);

	address_format(&settings->listen, http_port(server->http), listen);
	if (has_metrics)
		address_format(&settings->metrics_listen, http_metrics_port(server->http), metrics);
	warn_of_dangers(settings, listen, has_metrics ? metrics : NULL);
	log_started(server, listen, has_metrics ? metrics : NULL);
	/* Whoever reads the next line finds those before it. */
	log_flush(FLUSH_MS);
	printf("sluice: listening on %s://%s\n", scheme, listen);
	if (has_metrics)
		printf("sluice: metrics on %s://%s/metrics\n", scheme, metrics);
	fflush(stdout);
}

void announce_stop(int signal, unsigned int pid)
{
	char name[16];

	snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(signal));
	if (pid)
		log_event(LOG_LEVEL_INFO, "stopping", LOG_STR("signal", name),
			  LOG_U64("sent_by_pid", pid));
	else
		log_event(LOG_LEVEL_INFO, "stopping", LOG_STR("signal", name));
}

static const char *state_text(bool kept, const char *failing)
{
	if (*failing)
		return failing;
	return kept ? "saved" : "off";
}

void announce_end(const struct server *server)
{
	struct service_snapshots snapshots;
	struct service_ledger ledger;

	service_snapshots(server->service, &snapshots);
	service_ledger(server->service, &ledger);
	log_event(LOG_LEVEL_INFO, "stopped",
		  LOG_STR("snapshot", state_text(snapshots.kept, snapshots.failing)),
		  LOG_STR("ledger", state_text(ledger.kept, ledger.failing)),
		  LOG_U64("took_ms", monotonic_ms() - server->began_ms));
}

void announce_failure(int err, const struct field_error *error)
{
	log_flush(FLUSH_MS);
	if (*error->message)
		fprintf(stderr, "sluice: %s%s%s\n", error->field, *error->field ? ": " : "",
			error->message);
	else
		fprintf(stderr, "sluice: cannot start: %s\n",
			err < 0 ? strerror(-err) : "an unexpected outcome");
}

void announce_left(const struct server *server)
{
	struct datapath_interface left[DATAPATH_INTERFACES_MAX];
	size_t n = datapath_interfaces(server->datapath, left, DATAPATH_INTERFACES_MAX);

	for (size_t i = 0; i < n && i < DATAPATH_INTERFACES_MAX; i++)
		if (left[i].mode != DATAPATH_NONE)
			log_info("%s: packets go on being limited; to end that, start once more "
				 "with --detach-on-exit and stop, or remove %s",
				 left[i].name, conf_settings(server->conf)->pin_dir);
}
