/* Adds and removes keys and keeps every tenant within its number of live ones. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "engine/engine_priv.h"

enum {
	/*
	 * A flood of new keys at the bound pays for a look at up to ROOM_CELLS in one check, and for
	 * one cell a microsecond in the long run: a tenth of a CPU's time.
	 */
	ROOM_CELLS = 8192,
	ROOM_CELL_NS = 1000,
	ROOM_HOLD_CELLS = 256, /* visited under one hold of a shard's lock */
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

bool keys_have_room(const struct engine *engine, uint32_t tenant)
{
	const struct tenant *record = rules_tenant(&engine->rules, tenant);

	return !record || __atomic_load_n(&record->keys, __ATOMIC_RELAXED) < record->keys_max;
}

/* What time has added since, up to a full measure. A clock that stands still adds nothing. */
static void refill(struct room *room, uint64_t now_ns)
{
	uint64_t more = room->then_ns < now_ns ? (now_ns - room->then_ns) / ROOM_CELL_NS : 0;

	if (more == 0)
		return;
	room->cells = more < ROOM_CELLS - room->cells ? room->cells + more : ROOM_CELLS;
	room->then_ns = now_ns;
}

static uint32_t less_of(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

/* Visits some cells of the shard that is next. Returns whether the tenant has room now. */
static bool look_on(struct engine *engine, uint32_t tenant, uint64_t now_ns)
{
	struct room *room = &engine->room;
	struct shard *shard = &engine->shards[room->shard];
	uint32_t visits = less_of(room->cells, ROOM_HOLD_CELLS);
	bool missed, found;

	lock_take(&shard->lock);
	room->cells--;
	for (; visits && room->cell < shard->index.size; visits--) {
		if (!sweep_cell(engine, shard, room->cell, now_ns, &missed))
			room->cell++;
		room->cells -= room->cells > 0;
	}
	if (room->cell >= shard->index.size) {
		room->cell = 0;
		room->shard = (room->shard + 1) % ENGINE_SHARDS;
	}
	found = keys_have_room(engine, tenant);
	lock_drop(&shard->lock);
	return found;
}

void keys_make_room(struct engine *engine, uint32_t tenant, uint64_t now_ns)
{
	struct room *room = &engine->room;

	lock_take(&room->lock);
	refill(room, now_ns);
	while (room->cells && !look_on(engine, tenant, now_ns))
		;
	lock_drop(&room->lock);
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

	if (!count_key(tenant))
		return ENGINE_E_KEYS_MAX;
	return add_counted(engine, shard, key, set, now_ns, ret);
}

int keys_restore(struct engine *engine, struct shard *shard, const struct shard_key *key,
		 const struct rule_set *set, uint64_t now_ns, struct index_cell **ret)
{
	struct tenant *tenant = rules_tenant(&engine->rules, key->tenant);

	__atomic_fetch_add(&tenant->keys, 1, __ATOMIC_RELAXED);
	return add_counted(engine, shard, key, set, now_ns, ret);
}
