/* Pages of equal slots, addressed by 22-bit references, with optional room beside each slot. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

/*
 * One pool holds a shard's nodes, another one the memory of its words; the shard's lock guards
 * both. A page is ENGINE_SLAB_BYTES from the ops and has slots of one class. A pool may have a
 * second one beside it: then each page also owns a slot there that holds, for each of its own
 * slots, a few bytes more. So one reference gives two addresses, and what must lie elsewhere (the
 * words) needs no reference of its own.
 *
 * What describes a page lies outside of it. A reference is the page's number above the slot's; 0
 * is none. Empty pages are given back by slab_trim, which the sweep calls.
 */
enum {
	SLAB_SLOT_BITS = 9,
	SLAB_SLOTS_MAX = 1 << SLAB_SLOT_BITS,
	SLAB_PAGE_BITS = 13,
	SLAB_PAGES_MAX = 1 << SLAB_PAGE_BITS,
	SLAB_REF_BITS = SLAB_SLOT_BITS + SLAB_PAGE_BITS,
	SLAB_SLOT_BYTES_MIN = ENGINE_SLAB_BYTES / SLAB_SLOTS_MAX,
	SLAB_SIZES_MAX = 20,
	SLAB_BESIDES = 8, /* nothing, or 8 << 0 .. 8 << 6 bytes */
	SLAB_CLASSES = SLAB_SIZES_MAX * SLAB_BESIDES,
};

/* Where a page's slots lie: all that an access needs. */
struct slab_place {
	char *memory; /* NULL: no such page */
	char *beside;
	uint32_t slot_bytes;
	uint32_t beside_bytes; /* of one slot */
};

struct slab_page {
	uint16_t class;
	uint16_t slots;
	uint16_t used;
	uint32_t beside;                    /* reference in the pool beside; 0: none */
	uint64_t free[SLAB_SLOTS_MAX / 64]; /* a bit per slot */
};

struct slab {
	struct slab_place *places; /* by page number */
	struct slab_page **pages;  /* likewise */
	uint32_t size;             /* of both */
	uint32_t n_sizes;
	const uint16_t *sizes; /* bytes of a slot, ascending */
	const struct engine_slab_ops *ops;
	struct slab *beside;            /* NULL: none */
	uint16_t current[SLAB_CLASSES]; /* page to allocate from, 0: none */
	uint64_t bytes;                 /* pages and all that describes them, not the pool beside */
};

void slab_init(struct slab *slab, const struct engine_slab_ops *ops, const uint16_t *sizes,
	       uint32_t n_sizes, struct slab *beside);
/* Free the pool beside after this one. */
void slab_done(struct slab *slab);

/* A slot of at least `bytes` with `beside` bytes beside it, contents undefined; 0: no memory. */
uint32_t slab_alloc(struct slab *slab, size_t bytes, size_t beside);
void slab_free(struct slab *slab, uint32_t ref);
/* Gives empty pages back; before the pool beside. */
void slab_trim(struct slab *slab);

/* True if slab_alloc would take a slot of the same class for both. */
int slab_same_class(const struct slab *slab, size_t bytes, size_t beside, uint32_t ref);

static inline const struct slab_place *slab_place(const struct slab *slab, uint32_t ref)
{
	return &slab->places[ref >> SLAB_SLOT_BITS];
}

static inline void *slab_at(const struct slab *slab, uint32_t ref)
{
	const struct slab_place *place = slab_place(slab, ref);

	return place->memory + (size_t)(ref & (SLAB_SLOTS_MAX - 1)) * place->slot_bytes;
}

static inline void *slab_beside(const struct slab *slab, uint32_t ref)
{
	const struct slab_place *place = slab_place(slab, ref);

	return place->beside + (size_t)(ref & (SLAB_SLOTS_MAX - 1)) * place->beside_bytes;
}
