/* GET /metrics: everything that is measured, as Prometheus reads it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "doors/http/body.h"
#include "doors/http/counts.h"
#include "doors/http/handlers.h"
#include "doors/http/problem.h"

void handle_metrics(struct request *request, struct reply *reply)
{
	const struct http *http = request->http;
	struct metrics_facts *facts;

	if (body_refuse_query(request, reply))
		return;
	facts = calloc(1, sizeof(*facts));
	if (!facts) {
		problem_fault(reply, -ENOMEM);
		return;
	}
	facts->version = http->config.version;
	facts->started_ms = http->started_ms;
	metrics_process_read(&facts->process);
	service_measure(http->config.service, facts);
	counts_read(http, facts);
	reply->type = REPLY_METRICS;
	metrics_write(facts, &reply->body);
	free(facts);
}
