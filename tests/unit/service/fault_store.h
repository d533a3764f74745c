/* A store around another one, whose transactions fail as told. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "store/store.h"

/*
 * The next transactions answer `outcome` (0: as they go); `writes_anyway` lets them happen all the
 * same, as an answer that was lost. before, if set, runs once before the next transaction: what
 * another host does meanwhile. mute swallows what the watch reports.
 */
struct fault_store {
	struct store store;
	struct store *inner; /* owned */
	int outcome;
	bool writes_anyway;
	bool mute;
	void (*before)(void *data);
	void *data;
	store_watch_fn changed;
	void *changed_data;
};

struct fault_store *fault_store_new(struct store *inner);
