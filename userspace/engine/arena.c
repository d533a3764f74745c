/* Keeps arenas of slabs; the first slab's place holds what describes the arena. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "engine/arena.h"
#include "engine/engine.h"

enum {
	ARENA_BYTES = 2 << 20,
	ARENA_SLABS = ARENA_BYTES / ENGINE_SLAB_BYTES, /* one of them is taken by struct arena */
	ARENA_WORDS = ARENA_SLABS / 64,
};

struct arena {
	struct arena *previous, *next; /* in arena_set.partial */
	uint32_t n_used;
	uint64_t used[ARENA_WORDS]; /* a bit per slab */
};

static void link_arena(struct arena_set *set, struct arena *arena)
{
	arena->previous = NULL;
	arena->next = set->partial;
	if (set->partial)
		set->partial->previous = arena;
	set->partial = arena;
}

static void unlink_arena(struct arena_set *set, struct arena *arena)
{
	if (arena->next)
		arena->next->previous = arena->previous;
	if (arena->previous)
		arena->previous->next = arena->next;
	else
		set->partial = arena->next;
}

/* Whole arenas' worth of memory. Twice the alignment more holds it wherever the kernel puts it. */
static void *map_aligned(size_t bytes)
{
	char *memory = mmap(NULL, bytes + ARENA_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (memory == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)memory & (ARENA_BYTES - 1);
	if (before)
		munmap(memory, before);
	munmap(memory + before + bytes, ARENA_BYTES - before);
	/* Without huge pages it is as correct, only slower. */
	madvise(memory + before, bytes, MADV_HUGEPAGE);
	return memory + before;
}

static struct arena *add_arena(struct arena_set *set)
{
	struct arena *arena = map_aligned(ARENA_BYTES);

	if (!arena)
		return NULL;
	arena->used[0] = 1;
	arena->n_used = 1;
	link_arena(set, arena);
	return arena;
}

static bool is_used(const struct arena *arena, uint32_t slab)
{
	return arena->used[slab / 64] >> (slab % 64) & 1;
}

/* The first of n free slabs in a row; 0: there are none. */
static uint32_t find_run(const struct arena *arena, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 1; i < ARENA_SLABS; i++) {
		run = is_used(arena, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return 0;
}

static void flip_run(struct arena *arena, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		arena->used[i / 64] ^= 1ULL << (i % 64);
}

static void *cut_run(struct arena_set *set, uint32_t n)
{
	struct arena *arena = set->partial;
	uint32_t first = 0;

	while (arena && (first = find_run(arena, n)) == 0)
		arena = arena->next;
	if (!arena) {
		arena = add_arena(set);
		first = 1;
	}
	if (!arena)
		return NULL;
	flip_run(arena, first, n);
	arena->n_used += n;
	if (arena->n_used == ARENA_SLABS)
		unlink_arena(set, arena);
	return (char *)arena + (size_t)first * ENGINE_SLAB_BYTES;
}

static size_t round_up(size_t bytes)
{
	return (bytes + ARENA_BYTES - 1) / ARENA_BYTES * ARENA_BYTES;
}

void *arena_take(struct arena_set *set, size_t bytes)
{
	void *memory;

	assert(bytes % ENGINE_SLAB_BYTES == 0);
	if (bytes > ARENA_BYTES - ENGINE_SLAB_BYTES)
		return map_aligned(round_up(bytes));
	lock_take(&set->lock);
	memory = cut_run(set, (uint32_t)(bytes / ENGINE_SLAB_BYTES));
	lock_drop(&set->lock);
	return memory;
}

static void give_run(struct arena_set *set, struct arena *arena, uint32_t first, uint32_t n)
{
	if (arena->n_used == ARENA_SLABS)
		link_arena(set, arena);
	flip_run(arena, first, n);
	arena->n_used -= n;
	if (arena->n_used > 1)
		return;
	unlink_arena(set, arena);
	munmap(arena, ARENA_BYTES);
}

void arena_give(struct arena_set *set, void *memory, size_t bytes)
{
	uintptr_t inside = (uintptr_t)memory & (ARENA_BYTES - 1);

	if (bytes > ARENA_BYTES - ENGINE_SLAB_BYTES) {
		munmap(memory, round_up(bytes));
		return;
	}
	/* It reads as zeros when it is taken again. */
	madvise(memory, bytes, MADV_DONTNEED);
	lock_take(&set->lock);
	give_run(set, (struct arena *)(void *)((char *)memory - inside),
		 (uint32_t)(inside / ENGINE_SLAB_BYTES), (uint32_t)(bytes / ENGINE_SLAB_BYTES));
	lock_drop(&set->lock);
}
