/* Who owns which slot: finding, planning, taking, dropping, and keeping debts within a burst. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath_priv.h"

/* How the slots change when a set of limits goes into force. Bits are slots. */
struct slots_plan {
	struct sluice_slot slot[SLUICE_RULES_MAX]; /* afterwards, those that go perhaps included */
	uint64_t fresh;                            /* taken by limits that have none yet */
	uint64_t stale;                            /* of limits that are no longer there */
	/* Fresh ones need slots or lines of stale ones, which must therefore go first. */
	bool leave_first;
};

/* The slot of a limit, or NULL. */
struct sluice_slot *slots_find(const struct sluice_slot *slots, const char *id);

/* Decides without changing anything. 0 or DATAPATH_E_TOO_MANY. */
int slots_plan(const struct datapath *datapath, const struct datapath_limit *limits, size_t n,
	       struct field_error *error, struct slots_plan *ret);

/* Writes a free slot so that a kill at any point leaves it free or whole. The caller has cleared
 * its lines and counters. */
void slots_take(struct sluice_slot *slot, const struct sluice_slot *as);
void slots_drop(struct sluice_slot *slot);

/* Lowers every debt of the slot's lines to at most `tolerance`, while programs charge them. */
void slots_cap(const struct datapath *datapath, const struct sluice_slot *slot, uint64_t tolerance);
