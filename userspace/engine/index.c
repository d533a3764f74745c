/* Adds, removes and moves the cells of an index. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stddef.h>

#include "engine/index.h"
#include "engine/memory.h"

enum { INDEX_SIZE_MIN = 16 };

uint64_t index_bytes(const struct index *index)
{
	return index->size * (sizeof(*index->cells) + sizeof(*index->hashes));
}

void index_init(struct index *index, const struct engine_slab_ops *ops)
{
	*index = (struct index){.ops = ops};
}

/* A power of two of bytes: less than a slab, or some slabs. */
static void *take_cells(const struct index *index)
{
	uint64_t bytes = index_bytes(index);

	if (bytes < ENGINE_SLAB_BYTES)
		return engine_memory_alloc(bytes);
	return index->ops->map(index->ops->context, bytes);
}

static void free_cells(const struct index *index)
{
	uint64_t bytes = index_bytes(index);

	if (bytes < ENGINE_SLAB_BYTES)
		engine_memory_free(index->cells);
	else
		index->ops->unmap(index->ops->context, index->cells, bytes);
}

void index_done(struct index *index)
{
	free_cells(index);
	index_init(index, index->ops);
}

static struct index_cell *put_cell(struct index *index, uint32_t hash, uint32_t bits)
{
	uint32_t position = index_home(index, hash);

	while (index->cells[position].bits)
		position = index_after(index, position);
	index->cells[position].bits = bits;
	index->hashes[position] = hash;
	return &index->cells[position];
}

static int resize_cells(struct index *index, uint32_t size)
{
	struct index resized = {.size = size, .used = index->used, .ops = index->ops};

	resized.cells = take_cells(&resized);
	if (!resized.cells)
		return -ENOMEM;
	resized.hashes = (uint32_t *)(void *)(resized.cells + size);
	for (uint32_t i = 0; i < index->size; i++)
		if (index->cells[i].bits)
			put_cell(&resized, index->hashes[i], index->cells[i].bits);
	free_cells(index);
	*index = resized;
	return 0;
}

int index_reserve(struct index *index)
{
	if ((uint64_t)(index->used + 1) * 5 <= (uint64_t)index->size * 4)
		return 0;
	return resize_cells(index, index->size ? index->size * 2 : INDEX_SIZE_MIN);
}

struct index_cell *index_add(struct index *index, uint32_t hash, uint32_t ref)
{
	index->used++;
	return put_cell(index, hash, hash >> SLAB_REF_BITS << SLAB_REF_BITS | ref);
}

void index_set_ref(struct index_cell *cell, uint32_t ref)
{
	cell->bits = cell->bits >> SLAB_REF_BITS << SLAB_REF_BITS | ref;
}

/* The cell at `from` moves to `to`. */
static void keep_cursors(struct index *index, uint32_t to, uint32_t from)
{
	for (int i = 0; i < INDEX_CURSORS; i++)
		if (to < index->cursors[i] && index->cursors[i] <= from)
			index->cursors[i] = to;
}

void index_remove(struct index *index, struct index_cell *cell)
{
	uint32_t mask = index->size - 1;
	uint32_t gap = (uint32_t)(cell - index->cells);
	uint32_t at = gap;

	for (;;) {
		at = index_after(index, at);
		if (index->cells[at].bits == 0)
			break;
		/* A cell may not move before its home. */
		if (((at - index_home(index, index->hashes[at])) & mask) < ((at - gap) & mask))
			continue;
		index->cells[gap] = index->cells[at];
		index->hashes[gap] = index->hashes[at];
		keep_cursors(index, gap, at);
		gap = at;
	}
	index->cells[gap].bits = 0;
	index->used--;
}

void index_shrink(struct index *index)
{
	uint32_t size = index->size;

	if (index->used == 0) {
		index_done(index);
		return;
	}
	while (size > INDEX_SIZE_MIN && index->used < size / 8)
		size /= 2;
	if (size != index->size)
		resize_cells(index, size);
}
