/* Says whether the service is ready, and how its limits stand. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "service/service_priv.h"

static struct packets *packets_of(struct service *service)
{
	return &service->reconcile.packets;
}

void service_packets(struct service *service, struct service_packets *ret)
{
	struct packets *packets = packets_of(service);

	ret->off = packets_off(packets);
	ret->wanted = atomic_load(&packets->wanted);
	ret->in_force = atomic_load(&packets->in_force);
	ret->n_interfaces = 0;
	if (packets->datapath)
		ret->n_interfaces = datapath_interfaces(packets->datapath, ret->interfaces,
							DATAPATH_INTERFACES_MAX);
	if (ret->n_interfaces > DATAPATH_INTERFACES_MAX)
		ret->n_interfaces = DATAPATH_INTERFACES_MAX;
}

int service_packet_reasons(struct service *service, struct sluice_reasons *ret)
{
	struct packets *packets = packets_of(service);

	*ret = (struct sluice_reasons){0};
	return packets_off(packets) ? 0 : datapath_reasons(packets->datapath, ret);
}

static int packet_stats(struct packets *packets, const char *id, struct limit_stats *ret)
{
	struct sluice_counts counts;

	if (packets_off(packets) || datapath_counts(packets->datapath, id, &counts))
		return -ENOENT;
	*ret = (struct limit_stats){
		.allowed = counts.allowed_packets,
		.denied = counts.denied_packets,
		.allowed_bytes = counts.allowed_bytes,
		.denied_bytes = counts.denied_bytes,
	};
	return 0;
}

int service_limit_stats(struct service *service, const struct limit *limit, struct limit_stats *ret)
{
	struct engine_limit_stats counted;

	if (limit->scope == LIMIT_SCOPE_PACKET)
		return packet_stats(packets_of(service), limit->id, ret);
	if (engine_limit_stats(service->engine, limit->id, &counted))
		return -ENOENT;
	*ret = (struct limit_stats){.allowed = counted.allowed, .denied = counted.denied};
	return 0;
}

int service_limit_capacity(struct service *service, const struct limit *limit,
			   struct limit_capacity *ret)
{
	struct packets *packets = packets_of(service);
	struct datapath_capacity capacity;

	if (limit->scope != LIMIT_SCOPE_PACKET || packets_off(packets))
		return -ENOENT;
	if (datapath_capacity(packets->datapath, limit->id, clock_now_ns(service->clock),
			      &capacity))
		return -ENOENT;
	*ret = (struct limit_capacity){
		.keys = capacity.keys,
		.spoofed_pps = capacity.spoofed_pps,
		.full = capacity.full,
	};
	return 0;
}

static const char *reconcile_trouble(struct reconcile *reconcile)
{
	bool stalled;

	pthread_mutex_lock(&reconcile->lock);
	stalled = reconcile->stalled;
	pthread_mutex_unlock(&reconcile->lock);
	if (stalled)
		return "a change of the configuration found no memory; restart to take it over";
	if (atomic_load(&reconcile->packets.fault))
		return "a change of packet limits failed and is tried again";
	return NULL;
}

static bool packets_ready(struct service *service, char reason[SERVICE_REASON_SIZE])
{
	struct service_packets packets;

	service_packets(service, &packets);
	if (packets.off && service->packets_needed) {
		snprintf(reason, SERVICE_REASON_SIZE, "packets are not limited: %s", packets.off);
		return false;
	}
	for (size_t i = 0; i < packets.n_interfaces; i++) {
		const struct datapath_interface *interface = &packets.interfaces[i];

		if (interface->mode != DATAPATH_NONE)
			continue;
		snprintf(reason, SERVICE_REASON_SIZE, "interface %s does not enforce: %s",
			 interface->name, interface->why);
		return false;
	}
	return true;
}

bool service_ready(struct service *service, char reason[SERVICE_REASON_SIZE])
{
	const char *trouble = reconcile_trouble(&service->reconcile);

	if (!trouble)
		return packets_ready(service, reason);
	snprintf(reason, SERVICE_REASON_SIZE, "%s", trouble);
	return false;
}
