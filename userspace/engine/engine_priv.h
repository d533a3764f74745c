/* What the files of the engine share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/arena.h"
#include "engine/engine.h"
#include "engine/rules.h"
#include "engine/shard.h"

/*
 * Locks, in the order in which they are taken: control, then shards by number. control makes
 * changes and sweeps wait for each other. rules and generation are read under any shard's lock and
 * written under control and all of them.
 */

/* Where a look for idle keys that make room at a tenant's bound stopped, and how far it may go. */
struct room {
	struct lock lock; /* taken before any shard's, and guards the others */
	uint32_t shard, cell;
	uint64_t cells;   /* that may be visited now */
	uint64_t then_ns; /* when that was counted */
};

struct engine {
	struct shard shards[ENGINE_SHARDS];
	uint64_t keys_max;
	struct engine_slab_ops node_slabs, word_slabs;
	struct arena_set arenas; /* where they come from unless configured otherwise */
	struct room room;
	struct rules rules;
	uint32_t generation; /* of the rules: grows with each change */

	/* Guarded by control. */
	struct lock control;
	uint32_t sweep_shard;
	uint32_t sweep_generation; /* when the present pass began */
	bool sweep_missed;         /* it could not carry some key over */

	bool exporting; /* atomic; there is one cursor for it */
};

static inline struct shard *engine_shard(struct engine *engine, uint64_t hash)
{
	return &engine->shards[hash % ENGINE_SHARDS];
}

void engine_lock_all(struct engine *engine);
void engine_unlock_all(struct engine *engine);

/* Seconds of a cell's `touched`: 136 years. */
static inline uint32_t engine_second(uint64_t now_ns)
{
	return (uint32_t)(now_ns / 1000000000);
}

/*
 * carry.c: words and time. All of it under the shard's lock.
 */

/*
 * What a word is worth that was looked over in the second `touched`. The window number inside a
 * word repeats after 2^16 windows, so its age must come from outside: after two intervals and a
 * second of rounding it equals one never used.
 */
static inline uint64_t word_aged(uint64_t word, uint32_t touched, uint32_t second,
				 const struct sluice_params *params)
{
	if (params->algorithm == SLUICE_TOKEN_BUCKET || second <= touched)
		return word;
	if ((uint64_t)(second - touched - 1) * 1000000000 >= 2 * params->interval_ns)
		return 0;
	return word;
}

/*
 * Clears window words that time has emptied and notes that all were looked over now, so that the
 * age of the cell is never less than that of a word in it. Call it before words are written.
 */
void carry_touch(struct engine *engine, struct shard *shard, struct index_cell *cell,
		 uint64_t now_ns);

/*
 * What a word of a node of that generation is worth under the rule's present parameters. Each
 * change is applied as of the moment it was made, so it does not matter how much later this is.
 */
uint64_t carry_word(const struct rule *rule, uint64_t word, uint32_t generation, uint32_t touched,
		    uint64_t now_ns);

/*
 * Brings the key up to the present limits, or removes it when none covers it (*cell = NULL then).
 * 0, or -ENOMEM and nothing changed.
 */
int carry_over(struct engine *engine, struct shard *shard, struct index_cell **cell,
	       uint64_t now_ns);

/* True if all words of the cell, which is of the present generation, equal one never used. */
bool carry_is_idle(struct engine *engine, struct shard *shard, const struct index_cell *cell,
		   uint64_t now_ns);

static inline bool carry_is_stale(const struct engine *engine, const struct node *node)
{
	return node->generation != engine->generation;
}

/* keys.c: the number of live keys. */

/*
 * Adds the key with the limits that cover it, at least one; its words are 0.
 * 0, ENGINE_E_KEYS_MAX or -ENOMEM.
 */
int keys_add(struct engine *engine, struct shard *shard, const struct shard_key *key,
	     const struct rule_set *set, uint64_t now_ns, struct index_cell **ret);
/* The same whatever the tenant's bound: the key had state already. 0 or -ENOMEM. */
int keys_restore(struct engine *engine, struct shard *shard, const struct shard_key *key,
		 const struct rule_set *set, uint64_t now_ns, struct index_cell **ret);
void keys_remove(struct engine *engine, struct shard *shard, struct index_cell *cell);
/* Whether the tenant may have one more, as far as one can know. Under any shard's lock. */
bool keys_have_room(const struct engine *engine, uint32_t tenant);
/*
 * Frees idle keys of all shards until the tenant may have one more, but visits only so many cells a
 * second. The caller holds no lock.
 */
void keys_make_room(struct engine *engine, uint32_t tenant, uint64_t now_ns);

/* sweep.c: one complete pass over all shards; control is held. */
void sweep_settle(struct engine *engine, uint64_t now_ns);
/* Carries the cell at index position `at` over and frees it if idle; true if the cell is gone. */
bool sweep_cell(struct engine *engine, struct shard *shard, uint32_t at, uint64_t now_ns,
		bool *ret_missed);
