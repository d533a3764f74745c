/* Answers how limits of packets stand: interfaces, reasons, limits. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/log.h"
#include "doors/http/body.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/packets_json.h"
#include "doors/http/problem.h"

static void write_interface(const struct datapath_interface *interface, struct json_writer *writer)
{
	json_begin_object(writer);
	json_name(writer, "name");
	json_put_str(writer, interface->name);
	json_name(writer, "mode");
	json_put_str(writer, datapath_mode_name(interface->mode));
	json_name(writer, "why");
	json_put_str(writer, interface->why);
	json_end_object(writer);
}

void packets_json_write(const struct service_packets *packets, struct json_writer *writer)
{
	json_name(writer, "packets");
	json_put_str(writer, packets->off ? packets->off : "on");
	json_name(writer, "interfaces");
	json_begin_array(writer);
	for (size_t i = 0; i < packets->n_interfaces; i++)
		write_interface(&packets->interfaces[i], writer);
	json_end_array(writer);
}

static void write_reasons(const struct sluice_reasons *reasons, struct json_writer *writer)
{
	json_name(writer, "reasons");
	json_begin_object(writer);
#define WRITE_REASON(name, help)  \
	json_name(writer, #name); \
	json_put_u64(writer, reasons->name);
	SLUICE_REASONS(WRITE_REASON)
#undef WRITE_REASON
	json_end_object(writer);
}

static void write_limits(const struct service_packets *packets, struct json_writer *writer)
{
	json_name(writer, "limits");
	json_begin_object(writer);
	json_name(writer, "max");
	json_put_u64(writer, SLUICE_RULES_MAX);
	json_name(writer, "max_per_packet");
	json_put_u64(writer, SLUICE_MATCH_MAX);
	json_name(writer, "configured");
	json_put_u64(writer, packets->wanted);
	json_name(writer, "in_force");
	json_put_u64(writer, packets->in_force);
	json_end_object(writer);
}

void handle_packets(struct request *request, struct reply *reply)
{
	struct service *service = request_service(request);
	struct service_packets packets;
	struct sluice_reasons reasons;
	struct json_writer writer;
	int err;

	if (body_refuse_query(request, reply))
		return;
	err = service_packet_reasons(service, &reasons);
	if (err) {
		log_event(LOG_LEVEL_ERROR, "the packet path's counters cannot be read",
			  LOG_STR("why", strerror(-err)), LOG_STR("request_id", reply->request_id));
		problem_fault(reply, err);
		return;
	}
	service_packets(service, &packets);
	json_writer_init(&writer, &reply->body);
	json_begin_object(&writer);
	packets_json_write(&packets, &writer);
	write_reasons(&reasons, &writer);
	write_limits(&packets, &writer);
	json_end_object(&writer);
}
