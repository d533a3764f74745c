/* Health: /livez, /readyz and /healthz say whether it runs and wants requests. */
/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "json/writer.h"

/* Health checks of the wild add parameters of their own; only `verbose` means something here. */
static void answer_health(struct request *request, const char *reason, struct reply *reply)
{
	const struct clock *clock = service_clock(request->http->config.service);
	struct json_writer writer;

	json_writer_init(&writer, &reply->body);
	json_begin_object(&writer);
	json_name(&writer, "status");
	json_put_str(&writer, reason ? "unavailable" : "ok");
	if (reason) {
		json_name(&writer, "reason");
		json_put_str(&writer, reason);
	}
	if (query_get(&request->query, "verbose")) {
		json_name(&writer, "started_at_ms");
		json_put_u64(&writer, request->http->started_ms);
		json_name(&writer, "now_ms");
		json_put_u64(&writer, clock_utc_ms(clock));
	}
	json_end_object(&writer);
	if (reason)
		reply->status = 503;
}

void handle_livez(struct request *request, struct reply *reply)
{
	answer_health(request, NULL, reply);
}

void handle_readyz(struct request *request, struct reply *reply)
{
	const char *reason = service_not_ready(request->http->config.service);

	if (atomic_load(&request->http->draining))
		reason = "stopping";
	answer_health(request, reason, reply);
}
