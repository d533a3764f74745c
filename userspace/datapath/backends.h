/* The backends of datapath.h; only app and tests name them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath.h"

struct datapath_config {
	const char *pin_dir;           /* below a bpffs, which is mounted if it is not */
	const char *const *interfaces; /* names; they need not exist yet */
	size_t n_interfaces;
	uint32_t lines; /* DATAPATH_LINES_MIN .. _MAX, of all limits together; 0: the default. An
			 * adopted map keeps its size, and *ret says so in the log */
};

/*
 * Loads the programs, or adopts what is pinned, and attaches them to every interface that is there.
 * What kernel, rights or a time namespace forbid is no failure: *ret then answers datapath_off()
 * with why, and refuses limits. 0 or -ENOMEM. Logs what an operator must know.
 */
int datapath_open_bpf(const struct datapath_config *config, struct datapath **ret);

/* Refuses everything, for `why` (copied). */
int datapath_open_off(const char *why, struct datapath **ret);

/*
 * The same on this process's memory, for tests: what is in force is judged by tests/unit/datapath.
 * `lines` as above. 0 or -ENOMEM.
 */
int datapath_open_memory(uint32_t lines, struct datapath **ret);
