/* The engine's limits, and which of them cover a key. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/params.h>

#include "engine/anchor.h"
#include "engine/engine.h"
#include "engine/pattern.h"
#include "engine/table.h"

/*
 * A rule is one limit with a slot number that nodes keep. Read while holding any shard's lock,
 * changed while holding all of them (and the engine's control lock). A deleted rule, and what a
 * rule was before it changed, stay until a complete sweep has shown that no node refers to them.
 *
 * Generations are compared by their difference: no node lags 2^31 changes behind.
 */

/* What a rule's parameters were until it changed. */
struct rule_past {
	struct rule_past *next; /* newer */
	struct sluice_params params;
	uint64_t changed_ns;
	uint32_t until; /* first generation in which they are no longer true */
};

/* Written under the lock of the one shard it belongs to, so without a locked instruction. */
struct rule_stats {
	uint64_t allowed;
	uint64_t denied;
};

struct rule {
	struct sluice_params params;
	uint32_t slot;
	uint32_t tenant; /* never changes */
	uint8_t mode;
	bool deleted;
	bool aging;         /* in rules.aging */
	bool reset_pending; /* words older than reset_generation are void */
	uint32_t reset_generation;
	uint32_t deleted_generation;
	uint32_t n_past;
	uint64_t sequence; /* of creation */
	uint32_t version;  /* of params: grows with each change */
	char id[ENGINE_ID_SIZE];
	struct rule_past *oldest, *newest;
	struct pattern *pattern;
	struct anchor anchor; /* of a pattern with stars */
	struct rule *next_aging;
	struct table_link by_id, by_match;
	struct rule_stats stats[ENGINE_SHARDS];
};

/* What is known of one tenant; made at its first limit, never freed. */
struct tenant {
	struct table_link by_number;
	uint32_t number;
	uint64_t keys_max;
	uint64_t keys;                               /* live ones; atomic */
	struct anchor_lengths anchors[ANCHOR_KINDS]; /* of its patterns */
};

struct rules {
	uint64_t seed[2];
	struct anchor_powers powers;
	uint64_t sequence;
	struct rule **slots; /* NULL: free */
	uint32_t n_slots, slots_size;
	uint32_t *free_slots;
	uint32_t n_free;
	uint32_t count; /* not deleted */
	struct table by_id, by_match, tenants;
	struct rule *aging; /* those with a past, a pending reset, or deleted */
	uint32_t n_aging;
};

/* The rules that cover one key, in order of creation. */
struct rule_set {
	uint32_t n;
	bool overflow; /* there are more than these */
	struct rule *rules[ENGINE_MATCH_MAX];
};

/* Of zeroed memory. */
void rules_init(struct rules *rules, const uint8_t seed[16]);
void rules_done(struct rules *rules);

/* hash is key_hash of (tenant, key). */
void rules_match(const struct rules *rules, uint32_t tenant, const char *key, size_t len,
		 uint64_t hash, struct rule_set *ret);
struct rule *rules_find(const struct rules *rules, const char *id);
struct tenant *rules_tenant(const struct rules *rules, uint32_t number);

static inline struct rule *rules_at(const struct rules *rules, uint32_t slot)
{
	return rules->slots[slot];
}

uint64_t rules_hash_id(const struct rules *rules, const char *id);

/* Changes; reserve first, the others cannot fail then. */

/* Room for n more rules: 0 or -ENOMEM. */
int rules_reserve(struct rules *rules, size_t n);
/* Room for one more tenant and the record: 0 or -ENOMEM. */
int rules_add_tenant(struct rules *rules, uint32_t number, uint64_t keys_max);
void rules_keys_max(struct rules *rules, uint64_t keys_max);
/* Takes the rule, whose id, tenant, pattern, params and mode are set. */
void rules_add(struct rules *rules, struct rule *rule);
void rules_delete(struct rules *rules, struct rule *rule, uint32_t generation);
/* Takes the pattern; returns the one before. */
struct pattern *rules_replace_pattern(struct rules *rules, struct rule *rule,
				      struct pattern *pattern);
/* Takes *past, which it fills. */
void rules_replace_params(struct rules *rules, struct rule *rule,
			  const struct sluice_params *params, struct rule_past *past,
			  uint32_t generation, uint64_t now_ns);
void rules_reset(struct rules *rules, struct rule *rule, uint32_t generation);
/* Frees what only nodes of generations before `generation` could refer to. */
void rules_forget(struct rules *rules, uint32_t generation);

void rule_free(struct rule *rule);

/* True if generation a came before b. */
static inline bool generation_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline void rule_count(struct rule_stats *stats, bool allowed)
{
	uint64_t *counter = allowed ? &stats->allowed : &stats->denied;

	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}
