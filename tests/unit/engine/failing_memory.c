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
	__atomic_store_n(&left, n, __ATOMIC_RELAXED);
}

uint64_t failing_memory_requests(void)
{
	return __atomic_load_n(&requests, __ATOMIC_RELAXED);
}

int64_t failing_memory_held(void)
{
	return __atomic_load_n(&held, __ATOMIC_RELAXED);
}

static bool fail_now(void)
{
	int64_t now = __atomic_load_n(&left, __ATOMIC_RELAXED);

	__atomic_fetch_add(&requests, 1, __ATOMIC_RELAXED);
	while (now > 0 && !__atomic_compare_exchange_n(&left, &now, now - 1, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return now == 0;
}

static void *take_memory(size_t bytes)
{
	size_t rounded = (bytes + 63) / 64 * 64;
	void *memory = fail_now() ? NULL : aligned_alloc(64, rounded);

	if (!memory)
		return NULL;
	__atomic_fetch_add(&held, 1, __ATOMIC_RELAXED);
	return memset(memory, 0, rounded);
}

void *engine_memory_alloc(size_t bytes)
{
	return take_memory(bytes);
}

void engine_memory_free(void *memory)
{
	if (memory)
		__atomic_fetch_sub(&held, 1, __ATOMIC_RELAXED);
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
