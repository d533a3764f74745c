/* Makes and frees the engine; reports on it. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/engine_priv.h"
#include "engine/key_hash.h"
#include "engine/memory.h"

int engine_new(const struct engine_config *config, struct engine **ret)
{
	struct engine *engine = engine_memory_alloc(sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	engine->generation = 1;
	engine->keys_max = config->keys_max;
	engine->node_slabs = (struct engine_slab_ops){
		.map = engine_memory_map,
		.unmap = engine_memory_unmap,
		.context = &engine->arenas,
	};
	engine->word_slabs = config->slabs ? *config->slabs : engine->node_slabs;
	rules_init(&engine->rules, config->seed);
	for (uint32_t i = 0; i < ENGINE_SHARDS; i++)
		shard_init(&engine->shards[i], &engine->node_slabs, &engine->word_slabs);
	*ret = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (uint32_t i = 0; i < ENGINE_SHARDS; i++)
		shard_done(&engine->shards[i]);
	rules_done(&engine->rules);
	engine_memory_free(engine);
}

void engine_lock_all(struct engine *engine)
{
	for (uint32_t i = 0; i < ENGINE_SHARDS; i++)
		lock_take(&engine->shards[i].lock);
}

void engine_unlock_all(struct engine *engine)
{
	for (uint32_t i = ENGINE_SHARDS; i-- > 0;)
		lock_drop(&engine->shards[i].lock);
}

static int reset_key(struct engine *engine, struct shard *shard, const struct rule *rule,
		     const struct shard_key *key, uint64_t now_ns)
{
	struct index_cell *cell = shard_find(shard, &engine->rules, key);
	const struct node *node;
	int err;

	if (cell && carry_is_stale(engine, shard_node(shard, cell))) {
		err = carry_over(engine, shard, &cell, now_ns);
		if (err)
			return err;
	}
	if (!cell)
		return 0;
	shard->changes++;
	node = shard_node(shard, cell);
	for (uint32_t i = 0; i < node->n; i++)
		if (node->slots[i] == rule->slot)
			__atomic_store_n(shard_words(shard, cell) + i, 0, __ATOMIC_RELAXED);
	return 0;
}

int engine_reset_key(struct engine *engine, const char *id, const char *key, size_t key_len,
		     uint64_t now_ns)
{
	struct shard_key wanted = {.text = key, .len = key_len};
	const struct rule *rule;
	struct shard *shard;
	uint32_t tenant;
	int err = ENGINE_E_NOT_FOUND;

	/* The rule names the tenant, and only then is the key's shard known: look again there. */
	lock_take(&engine->shards[0].lock);
	rule = rules_find(&engine->rules, id);
	tenant = rule ? rule->tenant : 0;
	lock_drop(&engine->shards[0].lock);
	if (!rule)
		return err;
	wanted.tenant = tenant;
	wanted.hash = key_hash(engine->rules.seed, tenant, key, key_len);
	shard = engine_shard(engine, wanted.hash);
	lock_take(&shard->lock);
	rule = rules_find(&engine->rules, id);
	if (rule)
		err = reset_key(engine, shard, rule, &wanted, now_ns);
	lock_drop(&shard->lock);
	return err;
}

int engine_limit_stats(struct engine *engine, const char *id, struct engine_limit_stats *ret)
{
	struct engine_limit_stats sum = {0};
	const struct rule *rule;

	/* Any shard's lock keeps the rule alive; the counters of the others run on. */
	lock_take(&engine->shards[0].lock);
	rule = rules_find(&engine->rules, id);
	for (uint32_t i = 0; rule && i < ENGINE_SHARDS; i++) {
		sum.allowed += __atomic_load_n(&rule->stats[i].allowed, __ATOMIC_RELAXED);
		sum.denied += __atomic_load_n(&rule->stats[i].denied, __ATOMIC_RELAXED);
	}
	lock_drop(&engine->shards[0].lock);
	if (!rule)
		return ENGINE_E_NOT_FOUND;
	*ret = sum;
	return 0;
}

uint64_t engine_changes(struct engine *engine)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ENGINE_SHARDS; i++) {
		lock_take(&engine->shards[i].lock);
		sum += engine->shards[i].changes;
		lock_drop(&engine->shards[i].lock);
	}
	return sum;
}

void engine_usage(struct engine *engine, struct engine_usage *ret)
{
	struct engine_usage sum = {0};

	for (uint32_t i = 0; i < ENGINE_SHARDS; i++) {
		struct shard *shard = &engine->shards[i];

		lock_take(&shard->lock);
		sum.keys += shard->index.used;
		sum.words += shard->n_words;
		sum.cells += shard->index.size;
		sum.bytes += shard_bytes(shard);
		sum.limits = engine->rules.count;
		lock_drop(&shard->lock);
	}
	*ret = sum;
}
