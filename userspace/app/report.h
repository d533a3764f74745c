/* What an operator must know and no caller is told: each trouble logged once, and its end. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/server.h"
#include "service/history.h"

/* What was said already. All 0: nothing. */
struct reported {
	uint64_t refusals;
	uint64_t taken_back;
	const char *store; /* its trouble */
	struct service_snapshots snapshots;
	struct service_ledger ledger;
	struct tls_reported tls;
};

/* Logs what is new since the last call, of each kind the last. */
void report_news(const struct server *server, struct reported *reported);
/* Of it, how snapshots and the ledger stand. */
void report_snapshots(const struct server *server, struct reported *reported);
void report_ledger(const struct server *server, struct reported *reported);
