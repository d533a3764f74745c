/* Takes the engine's memory from the C library and the kernel. */
/* SPDX-License-Identifier: MIT */

#include <stdlib.h>
#include <string.h>

#include "engine/arena.h"
#include "engine/memory.h"

enum { MEMORY_ALIGN = 64 };

void *engine_memory_alloc(size_t bytes)
{
	size_t rounded = (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
	void *memory = aligned_alloc(MEMORY_ALIGN, rounded);

	return memory ? memset(memory, 0, rounded) : NULL;
}

void engine_memory_free(void *memory)
{
	free(memory);
}

void *engine_memory_map(void *context, size_t bytes)
{
	return arena_take(context, bytes);
}

void engine_memory_unmap(void *context, void *slab, size_t bytes)
{
	arena_give(context, slab, bytes);
}
