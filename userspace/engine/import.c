/* Takes over what keys of another engine consumed. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "engine/engine_priv.h"
#include "engine/key_hash.h"
#include "engine/memory.h"
#include "engine/rebase.h"
#include "engine/state.h"

enum { IMPORT_LIMITS_MIN = 64 };

/* 18 years: no bucket owes that long. */
static const uint64_t clock_most_ns = 1ULL << 59;

/* A limit as the export knew it, and the rule of that id. */
struct known_limit {
	struct sluice_params params;
	struct rule *rule;   /* NULL: none; true for that generation only */
	uint32_t generation; /* 0: not looked for */
	char id[ENGINE_ID_SIZE];
};

struct engine_import {
	struct engine *engine;
	uint64_t then_ns;
	struct clock_move move; /* of the present block */
	struct known_limit *limits;
	uint32_t n_limits, size;
	struct engine_imported result;
};

/* One key of a block. */
struct entry {
	struct shard_key key;
	uint32_t n;
	struct {
		uint32_t limit;
		uint64_t word;
	} words[ENGINE_MATCH_MAX];
};

int engine_import_new(struct engine *engine, uint64_t now_ns, uint64_t then_ns,
		      struct engine_import **ret)
{
	struct engine_import *state = engine_memory_alloc(sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->engine = engine;
	state->then_ns = then_ns;
	state->move.now_ns = now_ns;
	*ret = state;
	return 0;
}

void engine_import_free(struct engine_import *state)
{
	if (!state)
		return;
	engine_memory_free(state->limits);
	engine_memory_free(state);
}

void engine_import_result(const struct engine_import *state, struct engine_imported *ret)
{
	*ret = state->result;
}

static int reserve_limit(struct engine_import *state)
{
	uint32_t size = state->size ? state->size * 2 : IMPORT_LIMITS_MIN;
	struct known_limit *limits;

	if (state->n_limits < state->size)
		return 0;
	limits = engine_memory_alloc(size * sizeof(*limits));
	if (!limits)
		return -ENOMEM;
	if (state->limits)
		memcpy(limits, state->limits, state->n_limits * sizeof(*limits));
	engine_memory_free(state->limits);
	state->limits = limits;
	state->size = size;
	return 0;
}

/* What was compiled once compiles again: the smallest cost only decides what is refused. */
static int read_params(struct state_reader *reader, struct sluice_params *ret)
{
	struct sluice_spec spec = {.cost_min = SLUICE_BYTES_COST_MIN};
	uint64_t phase_ns;

	spec.limit = state_get_u64(reader);
	spec.burst = state_get_u64(reader);
	spec.interval_ns = state_get_u64(reader);
	phase_ns = state_get_u64(reader);
	spec.algorithm = state_get_u32(reader);
	if (reader->failed || spec.burst == 0 || spec.algorithm > SLUICE_SLIDING_WINDOW)
		return ENGINE_E_STATE;
	return sluice_params_compile(&spec, phase_ns, ret) ? ENGINE_E_STATE : 0;
}

static int read_limit(struct engine_import *state, struct state_reader *reader)
{
	size_t len = state_get_u8(reader);
	const uint8_t *id = state_get(reader, len);
	struct known_limit *limit;
	int err;

	if (!id || len == 0 || len >= ENGINE_ID_SIZE || memchr(id, 0, len))
		return ENGINE_E_STATE;
	err = reserve_limit(state);
	if (err)
		return err;
	limit = &state->limits[state->n_limits];
	*limit = (struct known_limit){.generation = 0};
	memcpy(limit->id, id, len);
	err = read_params(reader, &limit->params);
	if (!err)
		state->n_limits++;
	return err;
}

static int read_entry(const struct engine_import *state, struct state_reader *reader,
		      struct entry *ret)
{
	ret->n = state_get_u8(reader);
	ret->key.len = state_get_u16(reader);
	ret->key.tenant = state_get_u32(reader);
	ret->key.text = (const char *)state_get(reader, ret->key.len);
	if (!ret->key.text || ret->key.len == 0 || ret->key.len > ENGINE_KEY_MAX)
		return ENGINE_E_STATE;
	if (ret->n == 0 || ret->n > ENGINE_MATCH_MAX)
		return ENGINE_E_STATE;
	for (uint32_t i = 0; i < ret->n; i++) {
		ret->words[i].limit = state_get_u32(reader);
		ret->words[i].word = state_get_u64(reader);
		if (reader->failed || ret->words[i].limit >= state->n_limits)
			return ENGINE_E_STATE;
	}
	ret->key.hash =
		key_hash(state->engine->rules.seed, ret->key.tenant, ret->key.text, ret->key.len);
	return 0;
}

/* Under any shard's lock. */
static struct rule *find_rule(const struct engine *engine, struct known_limit *limit)
{
	if (limit->generation != engine->generation) {
		limit->rule = rules_find(&engine->rules, limit->id);
		limit->generation = engine->generation;
	}
	return limit->rule;
}

/* The entry's words for the rules that cover the key now; true if any of them matters. */
static bool place_words(struct engine_import *state, const struct entry *entry,
			const struct rule_set *set, uint64_t *ret)
{
	bool any = false;

	memset(ret, 0, set->n * sizeof(*ret));
	for (uint32_t i = 0; i < entry->n; i++) {
		struct known_limit *limit = &state->limits[entry->words[i].limit];
		struct rule *rule = find_rule(state->engine, limit);
		uint32_t at = 0;

		while (at < set->n && set->rules[at] != rule)
			at++;
		if (at == set->n) {
			state->result.dropped++;
			continue;
		}
		ret[at] = word_rebase(entry->words[i].word, &state->move, &limit->params,
				      &rule->params);
		if (sluice_idle(ret[at], state->move.now_ns, &rule->params))
			ret[at] = 0;
		any = any || ret[at] != 0;
	}
	return any;
}

/* Of a key that an export showed twice, or that somebody has charged. */
static void merge_words(struct engine_import *state, struct shard *shard, struct index_cell *cell,
			const struct rule_set *set, const uint64_t *words)
{
	uint64_t *stored = shard_words(shard, cell), now_ns = state->move.now_ns;

	carry_touch(state->engine, shard, cell, now_ns);
	for (uint32_t i = 0; i < set->n; i++) {
		const struct sluice_params *params = &set->rules[i]->params;
		uint64_t word = __atomic_load_n(&stored[i], __ATOMIC_RELAXED);

		while (sluice_convert_used(words[i], now_ns, params) >
			       sluice_convert_used(word, now_ns, params) &&
		       !__atomic_compare_exchange_n(&stored[i], &word, words[i], false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
	}
}

/* Under the shard's lock. 0 or -ENOMEM. */
static int take_entry(struct engine_import *state, struct shard *shard, const struct entry *entry)
{
	struct engine *engine = state->engine;
	uint64_t words[ENGINE_MATCH_MAX], now_ns = state->move.now_ns;
	struct index_cell *cell;
	struct rule_set set;
	int err = 0;

	rules_match(&engine->rules, entry->key.tenant, entry->key.text, entry->key.len,
		    entry->key.hash, &set);
	if (!place_words(state, entry, &set, words))
		return 0;
	cell = shard_find(shard, &engine->rules, &entry->key);
	if (cell && carry_is_stale(engine, shard_node(shard, cell)))
		err = carry_over(engine, shard, &cell, now_ns);
	if (!err && !cell) {
		err = keys_restore(engine, shard, &entry->key, &set, now_ns, &cell);
		state->result.keys += !err;
	}
	if (!err)
		merge_words(state, shard, cell, &set, words);
	return err;
}

static int read_key(struct engine_import *state, struct state_reader *reader)
{
	struct entry entry;
	struct shard *shard;
	int err = read_entry(state, reader, &entry);

	if (err)
		return err;
	shard = engine_shard(state->engine, entry.key.hash);
	lock_take(&shard->lock);
	err = take_entry(state, shard, &entry);
	lock_drop(&shard->lock);
	return err;
}

static int read_record(struct engine_import *state, struct state_reader *reader)
{
	switch (state_get_u8(reader)) {
	case STATE_LIMIT:
		return read_limit(state, reader);
	case STATE_KEY:
		return read_key(state, reader);
	default:
		return ENGINE_E_STATE;
	}
}

int engine_import_block(struct engine_import *state, const void *block, size_t len)
{
	struct state_reader reader = {.at = block, .end = (const uint8_t *)block + len};
	uint64_t made_ns = state_get_u64(&reader);
	int err = 0;

	if (reader.failed || made_ns > clock_most_ns)
		return ENGINE_E_STATE;
	state->move.from_ns = made_ns;
	state->move.elapsed_ns = state->then_ns > made_ns ? state->then_ns - made_ns : 0;
	if (state->move.elapsed_ns > clock_most_ns)
		state->move.elapsed_ns = clock_most_ns;
	while (!err && reader.at < reader.end)
		err = read_record(state, &reader);
	return err;
}
