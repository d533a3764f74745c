/* A packet path around the one in memory, which fails and shows interfaces as told. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "datapath/datapath.h"

/* One at a time: a test's process has one packet path. */
struct fault_packets {
	atomic_int publish; /* what the next publications answer; 0: as they go */
	struct datapath_interface interface;
	size_t n_interfaces; /* 0 or 1 */
};

/* Comes between the datapath and its backend, and lasts until it is closed. */
struct fault_packets *fault_packets_install(struct datapath *datapath);
