/* Finds a key by its hash: open addressing that follows the number of keys up and down. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "engine/slab.h"

/*
 * Linear probing over a power of two of cells, deletion by shifting back, so no tombstones. A cell
 * is 4 bytes, so that the cells of a million keys stay in a CPU's cache where the keys do not: it
 * holds some of the hash and the one reference that gives both the key's and its words' address,
 * so that those two cache misses overlap. The full hashes lie in an array of their own, used only
 * to move cells. The shard's lock guards all of it.
 */
struct index_cell {
	uint32_t bits; /* INDEX_TAG_BITS of the hash above a slab reference; 0: the cell is free */
};

enum { INDEX_TAG_BITS = 32 - SLAB_REF_BITS };

/* Who walks. */
enum { INDEX_SWEEP, INDEX_EXPORT, INDEX_CURSORS };

struct index {
	struct index_cell *cells;
	uint32_t *hashes; /* behind the cells, in the same memory */
	uint32_t size;    /* 0 or a power of two */
	uint32_t used;
	const struct engine_slab_ops *ops;
	/* Of walks over all cells: no cell that was at or after one ever moves before it. A change of
	 * size sets them to 0. */
	uint32_t cursors[INDEX_CURSORS];
};

/* Where memory of many ENGINE_SLAB_BYTES comes from. */
void index_init(struct index *index, const struct engine_slab_ops *ops);
void index_done(struct index *index);

/* Makes room for one more cell: 0 or -ENOMEM. */
int index_reserve(struct index *index);
/* After index_reserve. */
struct index_cell *index_add(struct index *index, uint32_t hash, uint32_t ref);
void index_remove(struct index *index, struct index_cell *cell);
/* The key moved to another slot. */
void index_set_ref(struct index_cell *cell, uint32_t ref);
/* Halves the index while it is nearly empty; it stays as it is when memory is short. */
void index_shrink(struct index *index);
uint64_t index_bytes(const struct index *index);

/* The low bits of a hash name its home, the high ones tell apart who lives there. */
static inline uint32_t index_home(const struct index *index, uint32_t hash)
{
	return hash & (index->size - 1);
}

static inline uint32_t index_after(const struct index *index, uint32_t position)
{
	return (position + 1) & (index->size - 1);
}

static inline uint32_t index_ref(const struct index_cell *cell)
{
	return cell->bits & ((1U << SLAB_REF_BITS) - 1);
}

/* False: surely another key. */
static inline int index_may_be(const struct index_cell *cell, uint32_t hash)
{
	return (cell->bits ^ hash) >> SLAB_REF_BITS == 0;
}
