/* Hands out memory until told to fail. */
/* SPDX-License-Identifier: MIT */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/memory.h"
#include "unit/engine/failing_memory.h"

static int64_t left = -1;
static uint64_t requests;
static int64_t held;

void failing_memory_after(int64_t n)
{
	left = n;
}

uint64_t failing_memory_requests(void)
{
	return requests;
}

int64_t failing_memory_held(void)
{
	return held;
}

static bool fail_now(void)
{
	requests++;
	if (left == 0)
		return true;
	if (left > 0)
		left--;
	return false;
}

static void *take_memory(size_t bytes)
{
	size_t rounded = (bytes + 63) / 64 * 64;
	void *memory = fail_now() ? NULL : aligned_alloc(64, rounded);

	if (!memory)
		return NULL;
	held++;
	return memset(memory, 0, rounded);
}

void *engine_memory_alloc(size_t bytes)
{
	return take_memory(bytes);
}

void engine_memory_free(void *memory)
{
	if (memory)
		held--;
	free(memory);
}

void *engine_memory_map(void *context, size_t bytes)
{
	return take_memory(bytes);
}

void engine_memory_unmap(void *context, void *slab, size_t bytes)
{
	engine_memory_free(slab);
}
