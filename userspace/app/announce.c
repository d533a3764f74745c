/* What `sluice serve` says as it begins and as it ends. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "app/announce.h"
#include "base/log.h"

enum {
	FLUSH_MS = 500,
};

/* Whoever started it with --listen and port 0 reads the port here. */
void announce_start(const struct server *server)
{
	const struct settings *settings = conf_settings(server->conf);
	char address[ADDRESS_TEXT_SIZE];

	address_format(&settings->listen, http_port(server->http), address);
	if (!settings->listen.loopback)
		log_warning("serving %s without TLS: API keys cross the network unencrypted; "
			    "put a proxy with TLS before it",
			    address);
	if (settings->test_clock)
		log_warning("the clock stands still: --test-clock is for tests");
	/* Whoever reads the next line finds those before it. */
	log_flush(FLUSH_MS);
	printf("sluice: listening on http://%s\n", address);
	if (http_metrics_port(server->http)) {
		address_format(&settings->metrics_listen, http_metrics_port(server->http), address);
		printf("sluice: metrics on http://%s/metrics\n", address);
	}
	fflush(stdout);
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
