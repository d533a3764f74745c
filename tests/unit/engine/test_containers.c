/* The containers under the engine: index, shard and arenas. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/arena.h"
#include "engine/engine_priv.h"
#include "engine/memory.h"

enum { REFS = 3000 };

static uint64_t random_state = 88172645463325252ULL;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % below);
}

/* An index and what ought to be in it: hashes by reference. */
struct indexed {
	struct arena_set arenas;
	struct engine_slab_ops ops;
	struct index index;
	uint32_t hashes[REFS];
	bool present[REFS];
	bool due[REFS]; /* was there when the pass began, not yet visited */
};

static struct indexed *make_indexed(void)
{
	struct indexed *in = calloc(1, sizeof(*in));

	assert_non_null(in);
	in->ops = (struct engine_slab_ops){
		.map = engine_memory_map, .unmap = engine_memory_unmap, .context = &in->arenas};
	index_init(&in->index, &in->ops);
	return in;
}

static struct index_cell *find_ref(struct indexed *in, uint32_t ref)
{
	uint32_t at = index_home(&in->index, in->hashes[ref]);

	for (; in->index.cells[at].bits; at = index_after(&in->index, at))
		if (index_may_be(&in->index.cells[at], in->hashes[ref]) &&
		    index_ref(&in->index.cells[at]) == ref)
			return &in->index.cells[at];
	return NULL;
}

static void toggle_ref(struct indexed *in, uint32_t ref)
{
	if (in->present[ref]) {
		index_remove(&in->index, find_ref(in, ref));
	} else {
		/* Few homes: long runs of cells that wrap around the end. */
		in->hashes[ref] = draw(8) << 28 | (draw(40) - 20);
		assert_int_equal(index_reserve(&in->index), 0);
		index_add(&in->index, in->hashes[ref], ref);
	}
	in->present[ref] = !in->present[ref];
	in->due[ref] = false;
}

static void index_random_changes_keep_every_cell(void **state)
{
	struct indexed *in = make_indexed();

	for (int i = 0; i < 60000; i++) {
		toggle_ref(in, 1 + draw(i % 5000 < 2500 ? 40 : 300));
		if (draw(1000) == 0)
			index_shrink(&in->index);
		for (uint32_t ref = 1; i % 64 == 0 && ref < 301; ref++)
			if (in->present[ref])
				assert_non_null(find_ref(in, ref));
	}
	index_done(&in->index);
	free(in);
}

/* As sweep and export do it: a few cells at a time while others come and go. */
static void index_cursor_visits_every_cell_that_stays(void **state)
{
	struct indexed *in = make_indexed();

	for (int pass = 0; pass < 400; pass++) {
		uint32_t *cursor = &in->index.cursors[pass % INDEX_CURSORS];

		memcpy(in->due, in->present, sizeof(in->due));
		*cursor = 0;
		while (*cursor < in->index.size) {
			const struct index_cell *cell = &in->index.cells[(*cursor)++];

			if (cell->bits)
				in->due[index_ref(cell)] = false;
			if (draw(3) == 0)
				toggle_ref(in, 1 + draw(120));
		}
		for (uint32_t ref = 1; ref < REFS; ref++)
			assert_false(in->due[ref]);
		toggle_ref(in, 1 + draw(120));
	}
	index_done(&in->index);
	free(in);
}

static void shard_find_tells_equal_hashes_apart(void **state)
{
	struct rule owners[2] = {{.tenant = 4}, {.tenant = 5}};
	struct rule *slots[2] = {&owners[0], &owners[1]};
	struct rules rules = {.slots = slots, .n_slots = 2};
	struct arena_set arenas = {0};
	struct engine_slab_ops ops = {
		.map = engine_memory_map, .unmap = engine_memory_unmap, .context = &arenas};
	struct shard_key keys[] = {
		{.tenant = 4, .text = "key", .len = 3, .hash = 77},
		{.tenant = 5, .text = "key", .len = 3, .hash = 77},
		{.tenant = 4, .text = "kex", .len = 3, .hash = 77},
		{.tenant = 4, .text = "ke", .len = 2, .hash = 77},
	};
	static struct shard shard;

	shard_init(&shard, &ops, &ops);
	for (uint32_t i = 0; i < 4; i++) {
		struct index_cell *cell;

		assert_null(shard_find(&shard, &rules, &keys[i]));
		cell = shard_add(&shard, &keys[i], 1);
		assert_non_null(cell);
		shard_node(&shard, cell)->slots[0] = keys[i].tenant - 4;
		*shard_words(&shard, cell) = i + 1;
	}
	for (uint32_t i = 0; i < 4; i++) {
		struct index_cell *cell = shard_find(&shard, &rules, &keys[i]);

		assert_non_null(cell);
		assert_int_equal(*shard_words(&shard, cell), i + 1);
	}
	shard_done(&shard);
	assert_null(arenas.partial);
}

struct run {
	unsigned char *memory;
	size_t bytes;
	unsigned char fill;
};

static bool is_filled(const struct run *run, unsigned char fill)
{
	for (size_t i = 0; i < run->bytes; i += 509)
		if (run->memory[i] != fill)
			return false;
	return true;
}

static void arena_runs_are_zeroed_apart_and_given_back(void **state)
{
	struct arena_set set = {0};
	struct run runs[200] = {0};

	for (int i = 0; i < 4000; i++) {
		uint32_t at = draw(200);
		struct run *run = &runs[at];

		if (run->memory) {
			assert_true(is_filled(run, run->fill));
			arena_give(&set, run->memory, run->bytes);
			run->memory = NULL;
			continue;
		}
		run->bytes = ENGINE_SLAB_BYTES * (draw(20) ? 1ULL << draw(3) : 1 + draw(300));
		run->fill = (unsigned char)(1 + draw(255));
		run->memory = arena_take(&set, run->bytes);
		assert_non_null(run->memory);
		assert_int_equal((uintptr_t)run->memory % ENGINE_SLAB_BYTES, 0);
		assert_true(is_filled(run, 0));
		memset(run->memory, run->fill, run->bytes);
	}
	for (int i = 0; i < 200; i++)
		if (runs[i].memory)
			arena_give(&set, runs[i].memory, runs[i].bytes);
	assert_null(set.partial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_random_changes_keep_every_cell),
		cmocka_unit_test(index_cursor_visits_every_cell_that_stays),
		cmocka_unit_test(shard_find_tells_equal_hashes_apart),
		cmocka_unit_test(arena_runs_are_zeroed_apart_and_given_back),
	};

	return cmocka_run_group_tests_name("engine containers", tests, NULL, NULL);
}
