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
}
