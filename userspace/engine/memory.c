/* Takes the engine's memory from the C library and the kernel. */
/* SPDX-License-Identifier: MIT */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
	void *slab = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)context;
	return slab == MAP_FAILED ? NULL : slab;
}

void engine_memory_unmap(void *context, void *slab, size_t bytes)
{
	(void)context;
	munmap(slab, bytes);
}
