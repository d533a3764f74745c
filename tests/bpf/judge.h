/* Judges packets by loops over lists and remembered totals, while time stands still. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/counts.h>
#include <sluice/layout.h>
#include <sluice/tables.h>

#include "datapath/datapath.h"

enum { JUDGE_BUCKETS = 1 << 15 };

/* Whose bucket, and what it has used of its burst. */
struct judge_bucket {
	uint64_t used;
	uint8_t address[16];
	uint8_t family; /* 4 or 6 */
	uint8_t limit;  /* its place in the order of charging, plus 1; 0: free */
};

/*
 * What the packet path should do, by the words of its headers alone: the reference parser, the
 * plain matcher, and a burst that nothing refills. Of the tables it takes only the order in which
 * limits are charged. Counters and reasons add up over all sets; buckets begin anew with each.
 */
struct judge {
	const struct datapath_limit *limit[SLUICE_RULES_MAX]; /* in order of charging */
	uint32_t slot[SLUICE_RULES_MAX];
	size_t n;
	uint64_t now_ns; /* after every until_ns that has passed, before all others */
	struct sluice_counts counts[SLUICE_RULES_MAX]; /* by slot */
	struct sluice_reasons reasons;
	struct judge_bucket buckets[JUDGE_BUCKETS];
};

/* `limits` are borrowed; tables_build() made `tables` of them and of `slots`. */
void judge_begin(struct judge *judge, const struct datapath_limit *limits, size_t n,
		 const struct sluice_slot *slots, const struct sluice_tables *tables);
/* True if the packet passes. */
bool judge_packet(struct judge *judge, const void *frame, uint32_t bytes);
