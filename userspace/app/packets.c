/* The packet path of this process: opened as the options say, watched while it runs. */
/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/layout.h>

#include "app/packets.h"
#include "base/log.h"
#include "datapath/backends.h"

/* What an earlier run left goes on limiting packets: it is adopted also without an interface. */
static bool pins_exist(const struct options *options)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/v%d", options->pin_dir, SLUICE_LAYOUT);

	return len < (int)sizeof(path) && access(path, F_OK) == 0;
}

int packets_open(const struct options *options, struct datapath **ret)
{
	const struct datapath_config config = {
		.pin_dir = options->pin_dir,
		.interfaces = options->interfaces,
		.n_interfaces = options->n_interfaces,
		.lines = options->packet_lines,
	};

	/* The clock of tests is not that of packets. */
	if (options->test_clock)
		return datapath_open_off("the clock stands still under --test-clock", ret);
	if (options->n_interfaces == 0 && !pins_exist(options))
		return datapath_open_off("no interface is named: start with --iface NAME", ret);
	(void)config;
	return datapath_open_off("the kernel's packet path is not built yet", ret);
}

static void log_interface(const struct datapath_interface *interface)
{
	switch (interface->mode) {
	case DATAPATH_NATIVE:
		log_info("%s: packets are limited in the driver (native XDP)", interface->name);
		break;
	case DATAPATH_GENERIC:
		log_warning("%s: packets are limited in generic XDP, which is slower: %s",
			    interface->name, interface->why);
		break;
	default:
		log_warning("%s: packets are not limited: %s", interface->name, interface->why);
		break;
	}
}

static void watch_interfaces(struct packets_watch *watch, const struct service_packets *state)
{
	for (size_t i = 0; i < state->n_interfaces; i++) {
		const struct datapath_interface *now = &state->interfaces[i];
		const struct datapath_interface *before = &watch->state.interfaces[i];

		if (i >= watch->state.n_interfaces || now->mode != before->mode ||
		    strcmp(now->why, before->why) != 0)
			log_interface(now);
	}
}

static void watch_refusals(struct packets_watch *watch, struct service *service)
{
	struct service_refusals refusals;

	service_refusals(service, &refusals);
	if (refusals.count != watch->refusals)
		log_warning("not taken over: %s: %s", refusals.last.field, refusals.last.message);
	watch->refusals = refusals.count;
}

void packets_watch(struct packets_watch *watch, struct service *service)
{
	struct service_packets state;

	service_packets(service, &state);
	watch_interfaces(watch, &state);
	watch->state = state;
	watch_refusals(watch, service);
}
