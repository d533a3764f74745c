/* What limiting packets takes and what is there already: looked at, nothing changed. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/datapath.h"

enum { DATAPATH_RIGHTS = 3 };

struct datapath_right {
	const char *name; /* "CAP_BPF" */
	bool held;        /* by this process */
	bool to_load;     /* only loading a program takes it, adopting a pinned one does not */
};
void datapath_look_rights(struct datapath_right ret[DATAPATH_RIGHTS]);

/* By how much this process's monotonic clock is off the one that packets are judged by. */
int64_t datapath_look_clock(void);

/* Whether this kernel loads XDP programs of this process at all: 0 or -errno. */
int datapath_look_load(void);

struct datapath_pins {
	bool bpffs;          /* the directory is below one */
	bool mountable;      /* else: where one is mounted at the start, with CAP_SYS_ADMIN */
	bool writable;       /* or may be made */
	bool there;          /* a controller has pinned something */
	uint32_t holder_pid; /* 0: no controller holds it, or none of this pid namespace */
	bool held;
	size_t links;
};
/* 0 or -errno: the directory cannot be looked at. */
int datapath_look_pins(const char *pin_dir, struct datapath_pins *ret);

struct datapath_attached {
	uint32_t id; /* of the program; 0: none */
	enum datapath_mode mode;
	bool sluice; /* of this name; false also when naming it takes CAP_SYS_ADMIN */
};
/* What XDP program the interface has. 0 or -errno. */
int datapath_look_attached(unsigned int ifindex, struct datapath_attached *ret);
