/* Cuts slabs from 2 MiB of anonymous memory each, which the kernel may map as one huge page. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "engine/lock.h"

/*
 * With small pages a random check spends more on address translation than on its own work. What is
 * freed goes back to the kernel at once, an arena's addresses when nothing of it is left. What does
 * not fit an arena gets a mapping of its own. Zeroed memory
 * is an empty set; any thread may use it.
 */
struct arena;

struct arena_set {
	struct lock lock;
	struct arena *partial; /* those with a free slab */
};

/* Zeroed and aligned to ENGINE_SLAB_BYTES, of which `bytes` is a multiple; NULL: no memory. */
void *arena_take(struct arena_set *set, size_t bytes);
void arena_give(struct arena_set *set, void *memory, size_t bytes);
