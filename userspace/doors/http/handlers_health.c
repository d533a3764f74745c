/* Health: /livez, /readyz and /healthz say whether it runs and wants requests. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "doors/http/certificate.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/packets_json.h"
#include "service/history.h"

/* "ok", or what is wrong with keeping what keys consumed over a restart. */
static void write_snapshots(struct service *service, struct json_writer *writer)
{
	struct service_snapshots state;

	service_snapshots(service, &state);
	json_name(writer, "snapshot");
	json_put_str(writer, *state.failing ? state.failing :
			     *state.lost    ? state.lost :
			     state.kept     ? "ok" :
					      "off");
}

/* "ok", or what the file says and is not in force. */
static void write_settings(struct http *http, struct json_writer *writer)
{
	char state[HTTP_SETTINGS_SIZE];

	pthread_mutex_lock(&http->says_lock);
	memcpy(state, http->settings, sizeof(state));
	pthread_mutex_unlock(&http->says_lock);
	json_name(writer, "settings");
	json_put_str(writer, state);
}

static void write_ledger(struct service *service, struct json_writer *writer)
{
	struct service_ledger state;

	service_ledger(service, &state);
	json_name(writer, "ledger");
	json_put_str(writer, *state.failing ? state.failing :
			     *state.aside   ? state.aside :
			     state.kept     ? "ok" :
					      "off");
}

/* "ok", or why changes are refused. */
static void write_store(struct service *service, struct json_writer *writer)
{
	json_name(writer, "store");
	json_put_str(writer, service_store_trouble(service) ?: "ok");
}

static void write_details(struct request *request, bool ready, struct json_writer *writer)
{
	struct service *service = request_service(request);
	struct service_packets state;

	json_name(writer, "version");
	json_put_str(writer, request->http->config.version);
	json_name(writer, "started_at_ms");
	json_put_u64(writer, request->http->started_ms);
	json_name(writer, "now_ms");
	json_put_u64(writer, clock_utc_ms(service_clock(service)));
	if (!ready)
		return;
	write_settings(request->http, writer);
	json_name(writer, "tls");
	json_put_str(writer, certificate_state(request->http));
	write_store(service, writer);
	write_snapshots(service, writer);
	write_ledger(service, writer);
	service_packets(service, &state);
	packets_json_write(&state, writer);
}

/* Health checks of the wild add parameters of their own; only `verbose` means something here. */
static void answer_health(struct request *request, const char *reason, bool ready,
			  struct reply *reply)
{
	struct json_writer writer;

	json_writer_init(&writer, &reply->body);
	json_begin_object(&writer);
	json_name(&writer, "status");
	json_put_str(&writer, reason ? "unavailable" : "ok");
	if (reason) {
		json_name(&writer, "reason");
		json_put_str(&writer, reason);
	}
	if (query_get(&request->query, "verbose"))
		write_details(request, ready, &writer);
	json_end_object(&writer);
	if (reason)
		reply->status = 503;
}

void handle_livez(struct request *request, struct reply *reply)
{
	answer_health(request, NULL, false, reply);
}

void handle_readyz(struct request *request, struct reply *reply)
{
	char reason[SERVICE_REASON_SIZE];
	bool ready = service_ready(request_service(request), reason);

	if (atomic_load(&request->http->draining))
		answer_health(request, "stopping", true, reply);
	else
		answer_health(request, ready ? NULL : reason, true, reply);
}
