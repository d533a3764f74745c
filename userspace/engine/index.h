/* Finds a key's cell by its hash: open addressing that follows the number of keys up and down. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Linear probing over a power of two of cells, deletion by shifting back, so no tombstones. One
 * cell gives the addresses of both the key and its words, so that their cache misses overlap. The
 * shard's lock guards it. The cell's own hash bits suffice to move it.
 */
struct index_cell {
	uint32_t hash;
	uint32_t node;    /* slab reference; 0: the cell is free */
	uint32_t words;   /* slab reference of the key's first word */
	uint32_t touched; /* second in which the words were last looked over and written */
};

struct index {
	struct index_cell *cells;
	uint32_t size; /* 0 or a power of two */
	uint32_t used;
	uint32_t cursor; /* of the sweep: no cell that was at or after it ever moves before it */
};

void index_done(struct index *index);

/* Makes room for one more cell: 0 or -ENOMEM. */
int index_reserve(struct index *index);
/* After index_reserve. */
struct index_cell *index_add(struct index *index, uint32_t hash);
void index_remove(struct index *index, struct index_cell *cell);
/* Halves the index while it is nearly empty; it stays as it is when memory is short. */
void index_shrink(struct index *index);

static inline uint32_t index_home(const struct index *index, uint32_t hash)
{
	return hash & (index->size - 1);
}

static inline uint32_t index_after(const struct index *index, uint32_t position)
{
	return (position + 1) & (index->size - 1);
}
