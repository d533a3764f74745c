/* Adds and removes keys and keeps every tenant within its number of live ones. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "engine/engine_priv.h"

enum {
	/* A flood of new keys at the bound pays for one look around per shard in this time. */
	ROOM_EVERY_NS = 5000000,
	ROOM_CELLS = 1024,
};

void keys_remove(struct engine *engine, struct shard *shard, struct index_cell *cell)
{
	uint32_t number = node_tenant(shard_node(shard, cell), &engine->rules);
	struct tenant *tenant = rules_tenant(&engine->rules, number);

	__atomic_fetch_sub(&tenant->keys, 1, __ATOMIC_RELAXED);
	shard_remove(shard, cell);
}

/* Reserve first, so that threads in other shards cannot pass the bound together. */
static bool count_key(struct tenant *tenant)
{
	if (__atomic_fetch_add(&tenant->keys, 1, __ATOMIC_RELAXED) < tenant->keys_max)
		return true;
	__atomic_fetch_sub(&tenant->keys, 1, __ATOMIC_RELAXED);
	return false;
}

static void make_room(struct engine *engine, struct shard *shard, uint64_t now_ns)
{
	bool missed;

	if (shard->room_made_ns && now_ns >= shard->room_made_ns &&
	    now_ns - shard->room_made_ns < ROOM_EVERY_NS)
		return;
	shard->room_made_ns = now_ns;
	for (uint32_t i = 0; i < ROOM_CELLS && i < shard->index.size; i++) {
		if (shard->hand >= shard->index.size)
			shard->hand = 0;
		if (!sweep_cell(engine, shard, shard->hand, now_ns, &missed))
			shard->hand++;
	}
}

/* The key is counted; on failure it is no more. */
static int add_counted(struct engine *engine, struct shard *shard, const struct shard_key *key,
		       const struct rule_set *set, uint64_t now_ns, struct index_cell **ret)
{
	struct tenant *tenant = rules_tenant(&engine->rules, key->tenant);
	struct index_cell *cell = shard_add(shard, key, set->n);
	struct node *node;

	if (!cell) {
		__atomic_fetch_sub(&tenant->keys, 1, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	node = shard_node(shard, cell);
	for (uint32_t i = 0; i < set->n; i++)
		node->slots[i] = set->rules[i]->slot;
	node->generation = engine->generation;
	node->overflow = set->overflow;
	node->touched = engine_second(now_ns);
	*ret = cell;
	return 0;
}

int keys_add(struct engine *engine, struct shard *shard, const struct shard_key *key,
	     const struct rule_set *set, uint64_t now_ns, struct index_cell **ret)
{
	struct tenant *tenant = rules_tenant(&engine->rules, key->tenant);

	if (!count_key(tenant)) {
		make_room(engine, shard, now_ns);
		if (!count_key(tenant))
			return ENGINE_E_KEYS_MAX;
	}
	return add_counted(engine, shard, key, set, now_ns, ret);
}

int keys_restore(struct engine *engine, struct shard *shard, const struct shard_key *key,
		 const struct rule_set *set, uint64_t now_ns, struct index_cell **ret)
{
	struct tenant *tenant = rules_tenant(&engine->rules, key->tenant);

	__atomic_fetch_add(&tenant->keys, 1, __ATOMIC_RELAXED);
	return add_counted(engine, shard, key, set, now_ns, ret);
}
