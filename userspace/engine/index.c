/* Adds, removes and moves the cells of an index. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stddef.h>

#include "engine/index.h"
#include "engine/memory.h"

enum { INDEX_SIZE_MIN = 16 };

void index_done(struct index *index)
{
	engine_memory_free(index->cells);
	*index = (struct index){0};
}

static struct index_cell *find_free(struct index *index, uint32_t hash)
{
	uint32_t position = index_home(index, hash);

	while (index->cells[position].node)
		position = index_after(index, position);
	return &index->cells[position];
}

static int resize_cells(struct index *index, uint32_t size)
{
	struct index resized = {.size = size, .used = index->used};

	resized.cells = engine_memory_alloc(size * sizeof(*resized.cells));
	if (!resized.cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < index->size; i++)
		if (index->cells[i].node)
			*find_free(&resized, index->cells[i].hash) = index->cells[i];
	engine_memory_free(index->cells);
	*index = resized;
	return 0;
}

int index_reserve(struct index *index)
{
	if ((uint64_t)(index->used + 1) * 5 <= (uint64_t)index->size * 4)
		return 0;
	return resize_cells(index, index->size ? index->size * 2 : INDEX_SIZE_MIN);
}

struct index_cell *index_add(struct index *index, uint32_t hash)
{
	struct index_cell *cell = find_free(index, hash);

	cell->hash = hash;
	index->used++;
	return cell;
}

void index_remove(struct index *index, struct index_cell *cell)
{
	uint32_t mask = index->size - 1;
	uint32_t gap = (uint32_t)(cell - index->cells);
	uint32_t at = gap;

	for (;;) {
		at = index_after(index, at);
		if (index->cells[at].node == 0)
			break;
		/* A cell may not move before its home. */
		if (((at - index_home(index, index->cells[at].hash)) & mask) < ((at - gap) & mask))
			continue;
		index->cells[gap] = index->cells[at];
		if (gap < index->cursor && index->cursor <= at)
			index->cursor = gap;
		gap = at;
	}
	index->cells[gap] = (struct index_cell){0};
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
