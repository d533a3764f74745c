/* Carries the words of a key over time and over changes of limits. */
/* SPDX-License-Identifier: MIT */

#include "engine/engine_priv.h"
#include "engine/key_hash.h"

static bool is_window(const struct sluice_params *params)
{
	return params->algorithm != SLUICE_TOKEN_BUCKET;
}

void carry_touch(struct engine *engine, struct shard *shard, struct index_cell *cell,
		 uint64_t now_ns)
{
	struct node *node = shard_node(shard, cell);
	uint64_t *words = shard_words(shard, cell);
	uint32_t second = engine_second(now_ns);

	if (second <= node->touched)
		return;
	for (uint32_t i = 0; i < node->n; i++) {
		const struct sluice_params *params =
			&rules_at(&engine->rules, node->slots[i])->params;
		uint64_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		if (word == 0 || !is_window(params))
			continue;
		/* If somebody else wrote the word meanwhile, it is in use: leave it. */
		if (sluice_idle(word_aged(word, node->touched, second, params), now_ns, params))
			__atomic_compare_exchange_n(&words[i], &word, 0, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
	node->touched = second;
}

bool carry_is_idle(struct engine *engine, struct shard *shard, const struct index_cell *cell,
		   uint64_t now_ns)
{
	const struct node *node = shard_node(shard, cell);
	const uint64_t *words = shard_words(shard, cell);
	uint32_t second = engine_second(now_ns);

	for (uint32_t i = 0; i < node->n; i++) {
		const struct sluice_params *params =
			&rules_at(&engine->rules, node->slots[i])->params;
		uint64_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		if (!sluice_idle(word_aged(word, node->touched, second, params), now_ns, params))
			return false;
	}
	return true;
}

uint64_t carry_word(const struct rule *rule, uint64_t word, uint32_t generation, uint32_t touched,
		    uint64_t now_ns)
{
	if (rule->reset_pending && generation_before(generation, rule->reset_generation))
		return 0;
	for (const struct rule_past *past = rule->oldest; past; past = past->next) {
		const struct sluice_params *to = past->next ? &past->next->params : &rule->params;
		uint32_t changed = engine_second(past->changed_ns);

		if (!generation_before(generation, past->until))
			continue;
		word = word_aged(word, touched, changed, &past->params);
		if (is_window(&past->params) && sluice_idle(word, past->changed_ns, &past->params))
			word = 0;
		word = sluice_convert(word, past->changed_ns, &past->params, to);
		if (changed > touched)
			touched = changed;
	}
	word = word_aged(word, touched, engine_second(now_ns), &rule->params);
	if (is_window(&rule->params) && sluice_idle(word, now_ns, &rule->params))
		return 0;
	return word;
}

/* The old words by the rules that still cover the key; both lists are in order of creation. */
static void carry_words(const struct engine *engine, const struct shard *shard,
			const struct index_cell *cell, const struct rule_set *set, uint64_t now_ns,
			uint64_t *ret)
{
	const struct node *node = shard_node(shard, cell);
	const uint64_t *words = shard_words(shard, cell);
	uint32_t at = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct rule *rule = set->rules[i];

		while (at < node->n &&
		       rules_at(&engine->rules, node->slots[at])->sequence < rule->sequence)
			at++;
		ret[i] = 0;
		if (at < node->n && node->slots[at] == rule->slot)
			ret[i] = carry_word(rule, __atomic_load_n(&words[at], __ATOMIC_RELAXED),
					    node->generation, node->touched, now_ns);
	}
}

int carry_over(struct engine *engine, struct shard *shard, struct index_cell **cell,
	       uint64_t now_ns)
{
	struct node *node = shard_node(shard, *cell);
	uint64_t carried[ENGINE_MATCH_MAX], *words;
	struct rule_set set;
	uint32_t tenant = node_tenant(node, &engine->rules);
	uint64_t hash = key_hash(engine->rules.seed, tenant, node_key(node), node->key_len);
	int err;

	rules_match(&engine->rules, tenant, node_key(node), node->key_len, hash, &set);
	if (set.n == 0) {
		keys_remove(engine, shard, *cell);
		*cell = NULL;
		return 0;
	}
	carry_words(engine, shard, *cell, &set, now_ns, carried);
	if (set.n != node->n) {
		err = shard_resize(shard, *cell, set.n);
		if (err)
			return err;
		node = shard_node(shard, *cell);
	}
	words = shard_words(shard, *cell);
	for (uint32_t i = 0; i < set.n; i++) {
		node->slots[i] = set.rules[i]->slot;
		__atomic_store_n(&words[i], carried[i], __ATOMIC_RELAXED);
	}
	node->generation = engine->generation;
	node->overflow = set.overflow;
	if (engine_second(now_ns) > node->touched)
		node->touched = engine_second(now_ns);
	return 0;
}
