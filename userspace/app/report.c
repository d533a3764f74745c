/* What an operator must know and no caller is told: each trouble logged once, and its end. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "app/report.h"
#include "base/log.h"

void report_snapshots(const struct server *server, struct reported *reported)
{
	struct service_snapshots *former = &reported->snapshots, state;

	service_snapshots(server->service, &state);
	if (strcmp(state.lost, former->lost) != 0)
		log_error("%s", state.lost);
	if (state.keys != former->keys)
		log_info("what %llu keys consumed was taken over", (unsigned long long)state.keys);
	if (strcmp(state.failing, former->failing) != 0) {
		if (*state.failing)
			log_error("%s; a restart would forget what is consumed from now on",
				  state.failing);
		else
			log_info("snapshots are written again");
	}
	*former = state;
}

void report_ledger(const struct server *server, struct reported *reported)
{
	struct service_ledger *former = &reported->ledger, state;

	service_ledger(server->service, &state);
	/* At the start that is no news yet. */
	if (!state.opened)
		return;
	if (strcmp(state.aside, former->aside) != 0)
		log_error("%s", state.aside);
	if (state.lost > former->lost && former->lost == 0)
		log_error("changes are made without an entry in the audit: too many wait for the "
			  "ledger");
	if (strcmp(state.failing, former->failing) != 0) {
		if (*state.failing)
			log_error("%s; changes wait in the store for it", state.failing);
		else
			log_info("the ledger is written again");
	}
	*former = state;
}

static void report_refusals(const struct server *server, struct reported *reported)
{
	struct service_refusals refusals;

	service_refusals(server->service, &refusals);
	if (refusals.count > reported->refusals)
		log_warning("not in force: %s: %s", refusals.last.field, refusals.last.message);
	reported->refusals = refusals.count;
}

static void report_taken_back(const struct server *server, struct reported *reported)
{
	struct service_taken_back taken;

	service_taken_back(server->service, &taken);
	if (taken.count > reported->taken_back)
		log_warning("limit %s was not confirmed in time: taken back%s", taken.last_id,
			    taken.count > reported->taken_back + 1 ? ", and others" : "");
	reported->taken_back = taken.count;
}

void report_news(const struct server *server, struct reported *reported)
{
	report_refusals(server, reported);
	report_taken_back(server, reported);
	report_snapshots(server, reported);
	report_ledger(server, reported);
}
