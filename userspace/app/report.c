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
		log_error("%s; what it held counts as not consumed", state.lost);
	if (state.keys != former->keys)
		log_event(LOG_LEVEL_INFO, "what keys consumed was taken over from the snapshot",
			  LOG_U64("keys", state.keys));
	if (strcmp(state.failing, former->failing) != 0) {
		if (*state.failing)
			log_error("%s; until %s takes files again, a restart forgets what is "
				  "consumed from now on",
				  state.failing, conf_settings(server->conf)->data);
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
			  "ledger, which %s does not take",
			  conf_settings(server->conf)->data);
	if (strcmp(state.failing, former->failing) != 0) {
		if (*state.failing)
			log_error("%s; changes wait in the store until %s takes it again",
				  state.failing, conf_settings(server->conf)->data);
		else
			log_info("the ledger is written again");
	}
	*former = state;
}

static void report_store(const struct server *server, struct reported *reported)
{
	const char *trouble = service_store_trouble(server->service);

	if (trouble && (!reported->store || strcmp(trouble, reported->store) != 0))
		log_error("changes are refused: %s", trouble);
	if (!trouble && reported->store)
		log_info("changes are written again");
	reported->store = trouble;
}

static void report_refusals(const struct server *server, struct reported *reported)
{
	struct service_refusals refusals;

	service_refusals(server->service, &refusals);
	if (refusals.count > reported->refusals)
		log_warning("not in force as the store has it: %s: %s; change or delete it",
			    refusals.last.field, refusals.last.message);
	reported->refusals = refusals.count;
}

static void report_taken_back(const struct server *server, struct reported *reported)
{
	struct service_taken_back taken;

	service_taken_back(server->service, &taken);
	if (taken.count > reported->taken_back)
		log_event(LOG_LEVEL_WARNING,
			  "limits were not confirmed in time and are taken back; to keep such a "
			  "limit, make it again and confirm it",
			  LOG_U64("limits", taken.count - reported->taken_back),
			  LOG_STR("limit", taken.last_id));
	reported->taken_back = taken.count;
}

void report_news(const struct server *server, struct reported *reported)
{
	report_refusals(server, reported);
	report_taken_back(server, reported);
	report_store(server, reported);
	report_snapshots(server, reported);
	report_ledger(server, reported);
	tls_report(server->http, &server->clock, &reported->tls);
}
