/* Fetches into the cache what checks of some keys are about to read. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>

#include "engine/engine_priv.h"
#include "engine/key_hash.h"

static void fetch_cell(struct shard *shard, uint64_t hash)
{
	const struct index *index = &shard->index;

	lock_take(&shard->lock);
	if (index->size)
		__builtin_prefetch(&index->cells[index_home(index, shard_cell_hash(hash))]);
	lock_drop(&shard->lock);
}

/* The first that may be the key's, which is seldom another's; NULL: it has no state. */
static const struct index_cell *find_cell(const struct index *index, uint32_t hash)
{
	uint32_t at;

	if (index->size == 0)
		return NULL;
	for (at = index_home(index, hash); index->cells[at].bits; at = index_after(index, at))
		if (index_may_be(&index->cells[at], hash))
			return &index->cells[at];
	return NULL;
}

static void fetch_node(struct shard *shard, uint64_t hash)
{
	const struct index_cell *cell;

	lock_take(&shard->lock);
	cell = find_cell(&shard->index, shard_cell_hash(hash));
	if (cell) {
		__builtin_prefetch(shard_node(shard, cell));
		__builtin_prefetch(shard_words(shard, cell), 1);
	}
	lock_drop(&shard->lock);
}

/* All first reads are under way together, and then all second ones, which those lead to. */
void engine_look_ahead(struct engine *engine, uint32_t tenant, const struct engine_key *keys,
		       size_t n)
{
	uint64_t hashes[ENGINE_AHEAD_MAX];

	assert(n <= ENGINE_AHEAD_MAX);
	for (size_t i = 0; i < n; i++) {
		hashes[i] = key_hash(engine->rules.seed, tenant, keys[i].text, keys[i].len);
		fetch_cell(engine_shard(engine, hashes[i]), hashes[i]);
	}
	for (size_t i = 0; i < n; i++)
		fetch_node(engine_shard(engine, hashes[i]), hashes[i]);
}
