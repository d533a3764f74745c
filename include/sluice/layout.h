/* What lies under the pin directory: map names, what they hold, and the layout's version. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/algorithm.h>

/*
 * Everything of one layout is pinned in PIN_DIR/v<SLUICE_LAYOUT>/: one file a map, by the names in
 * bpf/maps.h, `program` that the last start loaded (program_new while it is being replaced), and
 * links/<interface> for each interface that it is attached to. A controller holds a flock() on the
 * directory while it runs. Any change of a map's shape, of a shared struct or of its meaning makes
 * the next version; a controller never opens another's.
 */
enum {
	SLUICE_LAYOUT = 1,
	SLUICE_SLOT_ID_SIZE = 32,
};

/* Made with the lines and pinned beside them: without the seed no bucket would be found again. */
struct sluice_meta {
	__u64 seed[4];
	__u32 layout;
	__u32 lines; /* in the map of lines */
};

_Static_assert(sizeof(struct sluice_meta) == 40, "sluice_meta has no padding");

/*
 * Who owns which lines and counters: the controller's own record, never read by a program. It is
 * written before the rule comes into force and cleared after it has gone, so that whoever adopts
 * the pins after a kill knows each bucket's limit.
 */
struct sluice_slot {
	char id[SLUICE_SLOT_ID_SIZE]; /* of the limit; empty: free */
	__u32 line_first;
	__u32 line_count;
	struct sluice_params params; /* that its words were last charged under */
};

_Static_assert(sizeof(struct sluice_slot) == 104, "sluice_slot has no padding");
