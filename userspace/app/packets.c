/* Which packet path the options ask for. */
/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sluice/layout.h>

#include "app/packets.h"
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
	return datapath_open_bpf(&config, ret);
}
