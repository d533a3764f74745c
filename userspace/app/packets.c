/* Which packet path the settings ask for. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sluice/layout.h>
#include <sluice/line.h>

#include "app/packets.h"
#include "datapath/backends.h"

/* What an earlier run left goes on limiting packets: it is adopted also without an interface. */
static bool pins_exist(const struct settings *settings)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/v%d", settings->pin_dir, SLUICE_LAYOUT);

	return len < (int)sizeof(path) && access(path, F_OK) == 0;
}

static_assert((int)CONF_INTERFACES_MAX == DATAPATH_INTERFACES_MAX, "as many as the path takes");
static_assert((uint64_t)CONF_PACKET_BYTES_MIN == DATAPATH_LINES_MIN * sizeof(struct sluice_line) &&
		      (uint64_t)CONF_PACKET_BYTES_MAX ==
			      DATAPATH_LINES_MAX * sizeof(struct sluice_line),
	      "sizes that the path takes");

int packets_open(const struct settings *settings, struct datapath **ret)
{
	const char *interfaces[CONF_INTERFACES_MAX];
	const struct datapath_config config = {
		.pin_dir = settings->pin_dir,
		.interfaces = interfaces,
		.n_interfaces = settings->n_interfaces,
		.lines = (uint32_t)(settings->packet_bytes / sizeof(struct sluice_line)),
	};

	for (size_t i = 0; i < settings->n_interfaces; i++)
		interfaces[i] = settings->interfaces[i];
	/* The clock of tests is not that of packets. */
	if (settings->test_clock)
		return datapath_open_off("the clock stands still under --test-clock", ret);
	if (settings->n_interfaces == 0 && !pins_exist(settings))
		return datapath_open_off("no interface is named: start with --iface NAME", ret);
	return datapath_open_bpf(&config, ret);
}
