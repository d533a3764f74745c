/* A packet path around the one in memory, which fails and shows interfaces as told. */
/* SPDX-License-Identifier: MIT */
#include "datapath/datapath_priv.h"
#include "unit/service/fault_packets.h"

static const struct datapath_ops *inner;
static struct datapath_ops outer;
static struct fault_packets fault;

static int publish(struct datapath *datapath, const struct sluice_tables *tables)
{
	int r = atomic_load(&fault.publish);

	return r ? r : inner->publish(datapath, tables);
}

static size_t interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n)
{
	(void)datapath;
	if (n > 0 && fault.n_interfaces > 0)
		*ret = fault.interface;
	return fault.n_interfaces;
}

struct fault_packets *fault_packets_install(struct datapath *datapath)
{
	inner = datapath->ops;
	outer = *inner;
	outer.publish = publish;
	outer.interfaces = interfaces;
	fault = (struct fault_packets){.publish = 0};
	datapath->ops = &outer;
	return &fault;
}
