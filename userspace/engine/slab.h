/* Pages of equal slots, addressed by 32-bit references. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

/*
 * One slab pool holds one shard's nodes, another one its words; the shard's lock guards both. A
 * page is ENGINE_SLAB_BYTES from the ops and has slots of one size class. What describes it lies
 * outside, so that a page of words holds words only. A reference is the page's number above the
 * slot's offset in units of 8 bytes; 0 is none. An empty page is given back, but for the one that
 * its class allocates from, which slab_trim gives back.
 */
enum {
	SLAB_UNIT = 8,
	SLAB_OFFSET_BITS = 11,
	SLAB_UNITS = 1 << SLAB_OFFSET_BITS,
	SLAB_CLASSES_MAX = 21,
};
_Static_assert(SLAB_UNITS *SLAB_UNIT == ENGINE_SLAB_BYTES, "an offset spans a page");

struct slab_page {
	uint16_t class;
	uint16_t slots;
	uint16_t used;
	uint16_t hint;   /* no slot is free in free[] words before this one */
	uint64_t free[]; /* a bit per slot */
};

struct slab {
	char **memory;            /* by page number; NULL where there is no page */
	struct slab_page **pages; /* likewise */
	uint32_t size;            /* of both */
	uint32_t n_classes;
	const uint16_t *classes; /* units of each class, ascending */
	const struct engine_slab_ops *ops;
	uint32_t current[SLAB_CLASSES_MAX]; /* page to allocate from, 0: none */
	uint64_t bytes;                     /* pages and all that describes them */
};

void slab_init(struct slab *slab, const struct engine_slab_ops *ops, const uint16_t *classes,
	       uint32_t n_classes);
void slab_done(struct slab *slab);

/* A slot of at least `bytes`, its content undefined; 0: no memory. */
uint32_t slab_alloc(struct slab *slab, size_t bytes);
void slab_free(struct slab *slab, uint32_t ref);
void slab_trim(struct slab *slab);

/* Bytes that a request of `bytes` takes: equal sizes share a class. */
size_t slab_slot_bytes(const struct slab *slab, size_t bytes);

static inline void *slab_at(const struct slab *slab, uint32_t ref)
{
	return slab->memory[ref >> SLAB_OFFSET_BITS] + (size_t)(ref & (SLAB_UNITS - 1)) * SLAB_UNIT;
}
