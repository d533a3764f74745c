/* Walks over all keys: carries them over to changed limits and forgets the idle ones. */
/* SPDX-License-Identifier: MIT */

#include "engine/engine_priv.h"

enum {
	SWEEP_HOLD_CELLS = 256, /* visited under one hold of a shard's lock */
	SWEEP_SHARD_CELLS = 16, /* what a visit to any shard counts as, at least */
};

bool sweep_cell(struct engine *engine, struct shard *shard, uint32_t at, uint64_t now_ns,
		bool *ret_missed)
{
	struct index_cell *cell = &shard->index.cells[at];

	if (cell->bits == 0)
		return false;
	if (carry_is_stale(engine, shard_node(shard, cell)) &&
	    carry_over(engine, shard, &cell, now_ns)) {
		*ret_missed = true;
		return false;
	}
	if (cell && !carry_is_idle(engine, shard, cell, now_ns))
		return false;
	if (cell)
		keys_remove(engine, shard, cell);
	return true;
}

/* Returns how many cells it visited, SWEEP_SHARD_CELLS at least. */
static size_t sweep_some(struct engine *engine, struct shard *shard, uint64_t now_ns, size_t cells,
			 size_t *freed)
{
	struct index *index = &shard->index;
	uint32_t *cursor = &index->cursors[INDEX_SWEEP];
	size_t visited = 0;

	for (; visited < cells && *cursor < index->size; visited++) {
		/* Where a cell was freed another one may have moved in. */
		if (sweep_cell(engine, shard, *cursor, now_ns, &engine->sweep_missed))
			(*freed)++;
		else
			(*cursor)++;
	}
	return visited < SWEEP_SHARD_CELLS ? SWEEP_SHARD_CELLS : visited;
}

static bool leave_shard(struct shard *shard)
{
	if (shard->index.cursors[INDEX_SWEEP] < shard->index.size)
		return false;
	index_shrink(&shard->index);
	shard->index.cursors[INDEX_SWEEP] = 0;
	slab_trim(&shard->nodes);
	slab_trim(&shard->words);
	return true;
}

/*
 * Every key that was there when the pass began has been visited since, and is of that generation
 * or a later one, so nothing refers to what was true only before.
 */
static void finish_pass(struct engine *engine)
{
	if (!engine->sweep_missed && engine->rules.aging) {
		engine_lock_all(engine);
		rules_forget(&engine->rules, engine->sweep_generation);
		engine_unlock_all(engine);
	}
	engine->sweep_shard = 0;
}

struct progress {
	size_t visited;
	size_t freed;
	bool passed; /* a pass ended */
};

/* Visits up to `cells` cells of the present shard. */
static void sweep_hold(struct engine *engine, uint64_t now_ns, size_t cells,
		       struct progress *progress)
{
	struct shard *shard = &engine->shards[engine->sweep_shard];
	bool left;

	lock_take(&shard->lock);
	if (engine->sweep_shard == 0 && shard->index.cursors[INDEX_SWEEP] == 0) {
		engine->sweep_generation = engine->generation;
		engine->sweep_missed = false;
	}
	progress->visited += sweep_some(engine, shard, now_ns, cells, &progress->freed);
	left = leave_shard(shard);
	lock_drop(&shard->lock);
	if (left && ++engine->sweep_shard == ENGINE_SHARDS) {
		finish_pass(engine);
		progress->passed = true;
	}
}

size_t engine_sweep(struct engine *engine, uint64_t now_ns, size_t cells)
{
	struct progress progress = {0};

	lock_take(&engine->control);
	while (progress.visited < cells) {
		size_t left = cells - progress.visited;

		sweep_hold(engine, now_ns, left < SWEEP_HOLD_CELLS ? left : SWEEP_HOLD_CELLS,
			   &progress);
	}
	lock_drop(&engine->control);
	return progress.freed;
}

void sweep_settle(struct engine *engine, uint64_t now_ns)
{
	struct progress progress = {0};

	/* The pass under way began before what is to settle, perhaps. */
	while (engine->sweep_shard || engine->shards[0].index.cursors[INDEX_SWEEP])
		sweep_hold(engine, now_ns, SWEEP_HOLD_CELLS, &progress);
	progress.passed = false;
	while (!progress.passed)
		sweep_hold(engine, now_ns, SWEEP_HOLD_CELLS, &progress);
}
