/* What every backend of the packet path must do: one suite, run on each of them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath.h"
#include "unit/datapath/limit_set.h"

/* One test's state. */
struct contract {
	struct datapath *datapath; /* open */
	struct limit_set *set;     /* what contract_apply() puts in force */
	void *own;                 /* the backend's */
};

/*
 * Backends have at least 4,096 lines. Time may stand still or be real: the suite's buckets refill
 * so slowly that it makes no difference.
 */
struct contract_backend {
	const char *name;
	/* Before and after each test. `begin` makes sure that the first open() finds nothing. */
	void (*begin)(struct contract *c);
	void (*end)(struct contract *c);
	/* Fills c->datapath: new, or what an earlier one left when it was closed. May skip(). */
	void (*open)(struct contract *c);
	/* Judges one frame: true if it passes. */
	bool (*packet)(struct contract *c, const void *frame, uint32_t bytes);
	/* The time that until_ns is compared with. */
	uint64_t (*now_ns)(void);
};

/* Runs the suite; `enter` (may be NULL) is the group's setup. Returns how many tests failed. */
int contract_run(const struct contract_backend *backend, int (*enter)(void **state));
