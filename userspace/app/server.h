/* Everything that serves, as the files of `sluice serve` share it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/tls.h"
#include "app/watch.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "datapath/datapath.h"
#include "doors/http/http.h"
#include "journal/journal.h"
#include "journal/ledger.h"
#include "service/service.h"
#include "store/store.h"

/* Made from top to bottom and freed from bottom to top. The main thread's alone. */
struct server {
	const struct conf *conf; /* of the start, borrowed */
	struct conf *fresh;      /* of the last SIGHUP; NULL: none was taken over */
	struct clock clock;
	int signal_fd;
	struct watch limits; /* the directory of limits */
	struct tls_files tls;
	struct store *store;
	struct journal *journal; /* NULL: could not be opened */
	struct ledger *ledger;
	struct datapath *datapath;
	struct service *service;
	struct http *http;
	bool first_boot;   /* the store was empty */
	uint64_t began_ms; /* CLOCK_MONOTONIC: when it began to start, or to stop */
};

/* Of the settings that SIGHUP changes, what is in force; the others are those of server->conf. */
static inline const struct settings *server_settings(const struct server *server)
{
	return conf_settings(server->fresh ? server->fresh : server->conf);
}
