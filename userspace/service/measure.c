/* Reads what is measured of checks, configuration and packets. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/service_priv.h"

/* Limits of packets on their way into the facts. */
struct packet_visit {
	struct service *service;
	struct metrics_facts *facts;
};

/* Those the datapath knows: it has SLUICE_RULES_MAX places at most. */
static int visit_entry(const struct limit_entry *entry, void *data)
{
	struct packet_visit *visit = data;
	struct metrics_facts *facts = visit->facts;
	struct datapath *datapath = visit->service->reconcile.packets.datapath;
	const struct limit *limit = &entry->limit;
	struct metrics_packet_limit *at = &facts->packet_limits[facts->n_packet_limits];
	struct datapath_capacity capacity;

	if (limit->scope != LIMIT_SCOPE_PACKET || facts->n_packet_limits == SLUICE_RULES_MAX)
		return 0;
	if (datapath_counts(datapath, limit->id, &at->counts) ||
	    datapath_capacity(datapath, limit->id, clock_now_ns(visit->service->clock), &capacity))
		return 0;
	memcpy(at->id, limit->id, sizeof(at->id));
	memcpy(at->name, limit->name, sizeof(at->name));
	at->mode = limit->mode;
	at->full = capacity.full;
	facts->n_packet_limits++;
	return 0;
}

static void measure_packets(struct service *service, const struct catalog *catalog,
			    struct metrics_facts *ret)
{
	struct packet_visit visit = {service, ret};
	struct service_packets packets;

	service_packets(service, &packets);
	ret->packets_on = packets.off == NULL;
	ret->packet_limits_wanted = packets.wanted;
	ret->packet_limits_in_force = packets.in_force;
	ret->n_interfaces = packets.n_interfaces;
	memcpy(ret->interfaces, packets.interfaces,
	       packets.n_interfaces * sizeof(packets.interfaces[0]));
	ret->n_packet_limits = 0;
	ret->reasons_read =
		!packets.off && service_packet_reasons(service, &ret->reasons) == 0 &&
		datapath_times(service->reconcile.packets.datapath, &ret->packet_times) == 0;
	if (!packets.off && packets.wanted > 0)
		limit_table_visit(catalog->limits, visit_entry, &visit);
}

void service_measure(struct service *service, struct metrics_facts *ret)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service);
	char reason[SERVICE_REASON_SIZE];
	struct service_refusals refusals;
	struct service_taken_back taken;
	struct service_ledger ledger;

	service_refusals(service, &refusals);
	service_taken_back(service, &taken);
	ret->ready = service_ready(service, reason);
	ret->revision = catalog->revision;
	ret->refusals = refusals.count;
	ret->taken_back = taken.count;
	ret->limits = catalog->n_limits;
	service_ledger(service, &ledger);
	ret->audit_written = ledger.written;
	ret->audit_waiting = ledger.waiting;
	ret->audit_lost = ledger.lost;
	ret->store_failing = store_trouble(service->store) != NULL;
	ret->ledger_failing = *ledger.failing != '\0';
	ret->keys_max = service->keys_max;
	for (size_t i = 0; i < METRICS_N_CHECKS; i++)
		ret->checks[i] = tally_sum(&service->tally, i);
	service_usage(service, &ret->engine);
	ret->samples_lost = events_samples_lost(service);
	measure_packets(service, catalog, ret);
}
