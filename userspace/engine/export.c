/* Walks over all keys and writes down what they consumed. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>

#include "engine/engine_priv.h"
#include "engine/memory.h"
#include "engine/state.h"

enum {
	EXPORT_HOLD_CELLS = 128, /* visited under one hold of a shard's lock */
	EXPORT_SLOTS_MIN = 64,
};

/* Under which number a rule's present parameters were written. */
struct written {
	uint64_t sequence;
	uint32_t version;
	uint32_t number; /* counts from 1; 0: not written */
};

struct engine_export {
	struct engine *engine;
	uint32_t shard;
	bool entered; /* the shard's cursor is ours */
	uint32_t n_written;
	uint32_t n_slots;
	struct written *slots; /* by the rule's slot */
};

int engine_export_new(struct engine *engine, struct engine_export **ret)
{
	struct engine_export *state = engine_memory_alloc(sizeof(*state));
	bool exporting;

	if (!state)
		return -ENOMEM;
	exporting = __atomic_exchange_n(&engine->exporting, true, __ATOMIC_ACQUIRE);
	assert(!exporting);
	(void)exporting;
	state->engine = engine;
	*ret = state;
	return 0;
}

void engine_export_free(struct engine_export *state)
{
	if (!state)
		return;
	__atomic_store_n(&state->engine->exporting, false, __ATOMIC_RELEASE);
	engine_memory_free(state->slots);
	engine_memory_free(state);
}

static int grow_slots(struct engine_export *state, uint32_t wanted)
{
	uint32_t n = state->n_slots ? state->n_slots : EXPORT_SLOTS_MIN;
	struct written *slots;

	while (n < wanted)
		n *= 2;
	slots = engine_memory_alloc(n * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (state->slots)
		memcpy(slots, state->slots, state->n_slots * sizeof(*slots));
	engine_memory_free(state->slots);
	state->slots = slots;
	state->n_slots = n;
	return 0;
}

static void write_limit(struct state_writer *writer, const struct rule *rule)
{
	const struct sluice_params *params = &rule->params;
	size_t len = strnlen(rule->id, ENGINE_ID_SIZE);

	state_put_u8(writer, STATE_LIMIT);
	state_put_u8(writer, (uint8_t)len);
	state_put(writer, rule->id, len);
	state_put_u64(writer, params->limit);
	state_put_u64(writer, params->burst);
	state_put_u64(writer, params->interval_ns);
	state_put_u64(writer, params->phase_ns);
	state_put_u32(writer, params->algorithm);
}

/* The number of the rule as it is now; written first if it was not yet. */
static uint32_t number_rule(struct engine_export *state, struct state_writer *writer,
			    const struct rule *rule)
{
	struct written *written = &state->slots[rule->slot];

	if (written->number == 0 || written->sequence != rule->sequence ||
	    written->version != rule->version) {
		write_limit(writer, rule);
		*written = (struct written){rule->sequence, rule->version, ++state->n_written};
	}
	return written->number - 1;
}

static void write_key(struct state_writer *writer, const struct node *node, uint32_t tenant,
		      uint32_t n, const uint32_t *numbers, const uint64_t *words)
{
	state_put_u8(writer, STATE_KEY);
	state_put_u8(writer, (uint8_t)n);
	state_put_u16(writer, node->key_len);
	state_put_u32(writer, tenant);
	state_put(writer, node_key(node), node->key_len);
	for (uint32_t i = 0; i < n; i++) {
		state_put_u32(writer, numbers[i]);
		state_put_u64(writer, words[i]);
	}
}

/* Only what is not as if never used. A key of an older generation is read, not carried over. */
static void export_cell(struct engine_export *state, struct shard *shard,
			const struct index_cell *cell, uint64_t now_ns, struct state_writer *writer)
{
	const struct rules *rules = &state->engine->rules;
	const struct node *node = shard_node(shard, cell);
	const uint64_t *stored = shard_words(shard, cell);
	uint32_t numbers[ENGINE_MATCH_MAX], n = 0;
	uint64_t words[ENGINE_MATCH_MAX];

	for (uint32_t i = 0; i < node->n; i++) {
		const struct rule *rule = rules_at(rules, node->slots[i]);

		if (rule->deleted)
			continue;
		words[n] = carry_word(rule, __atomic_load_n(&stored[i], __ATOMIC_RELAXED),
				      node->generation, node->touched, now_ns);
		if (!sluice_idle(words[n], now_ns, &rule->params))
			numbers[n++] = number_rule(state, writer, rule);
	}
	if (n > 0)
		write_key(writer, node, node_tenant(node, rules), n, numbers, words);
}

/* The next cells of the present shard as far as there is room. 0 or -ENOMEM. */
static int hold_shard(struct engine_export *state, uint64_t now_ns, struct state_writer *writer,
		      const uint8_t *last)
{
	struct shard *shard = &state->engine->shards[state->shard];
	struct index *index = &shard->index;
	uint32_t *cursor = &index->cursors[INDEX_EXPORT], wanted;

	lock_take(&shard->lock);
	wanted = state->engine->rules.n_slots;
	if (wanted > state->n_slots) {
		lock_drop(&shard->lock);
		return grow_slots(state, wanted);
	}
	if (!state->entered)
		*cursor = 0;
	state->entered = true;
	for (int i = 0; i < EXPORT_HOLD_CELLS && *cursor < index->size && writer->at <= last; i++) {
		const struct index_cell *cell = &index->cells[(*cursor)++];

		if (cell->bits)
			export_cell(state, shard, cell, now_ns, writer);
	}
	if (*cursor >= index->size) {
		state->shard++;
		state->entered = false;
	}
	lock_drop(&shard->lock);
	return 0;
}

int engine_export_step(struct engine_export *state, uint64_t now_ns, void *block, size_t size,
		       size_t *ret_len)
{
	struct state_writer writer = {.at = block};
	const uint8_t *first, *last = (const uint8_t *)block + size - STATE_RECORD_MAX;
	int err = 0;

	assert(size >= ENGINE_BLOCK_MIN);
	state_put_u64(&writer, now_ns);
	first = writer.at;
	while (!err && state->shard < ENGINE_SHARDS && writer.at <= last)
		err = hold_shard(state, now_ns, &writer, last);
	if (err)
		return err;
	*ret_len = writer.at == first ? 0 : (size_t)(writer.at - (uint8_t *)block);
	return 0;
}
