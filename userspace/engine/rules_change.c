/* Adds, changes, deletes and at last forgets rules. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "engine/key_hash.h"
#include "engine/memory.h"
#include "engine/rules_priv.h"

enum {
	RULES_SLOTS_MIN = 16,
	CROWD = 1 << 20, /* as dear as that many patterns: an anchor that every key has */
};

static void free_pasts(struct rule *rule)
{
	while (rule->oldest) {
		struct rule_past *past = rule->oldest;

		rule->oldest = past->next;
		engine_memory_free(past);
	}
}

void rule_free(struct rule *rule)
{
	if (!rule)
		return;
	free_pasts(rule);
	pattern_free(rule->pattern);
	engine_memory_free(rule);
}

void rules_init(struct rules *rules, const uint8_t seed[16])
{
	memcpy(rules->seed, seed, sizeof(rules->seed));
	anchor_init(&rules->powers, rules->seed);
}

void rules_done(struct rules *rules)
{
	for (uint32_t i = 0; i < rules->n_slots; i++)
		rule_free(rules->slots[i]);
	for (uint32_t i = 0; i < rules->tenants.size; i++)
		while (rules->tenants.buckets[i]) {
			struct table_link *link = rules->tenants.buckets[i];

			rules->tenants.buckets[i] = link->next;
			engine_memory_free(table_entry(link, struct tenant, by_number));
		}
	table_done(&rules->tenants);
	table_done(&rules->by_match);
	table_done(&rules->by_id);
	engine_memory_free(rules->slots);
	engine_memory_free(rules->free_slots);
}

static int reserve_slots(struct rules *rules, size_t n)
{
	size_t size = rules->slots_size ? rules->slots_size : RULES_SLOTS_MIN;
	struct rule **slots;
	uint32_t *free_slots;

	while (size < rules->n_slots + n)
		size *= 2;
	if (size == rules->slots_size)
		return 0;
	if (size > UINT32_MAX / 2)
		return -ENOMEM;
	slots = engine_memory_alloc(size * sizeof(*slots));
	free_slots = engine_memory_alloc(size * sizeof(*free_slots));
	if (!slots || !free_slots) {
		engine_memory_free(slots);
		engine_memory_free(free_slots);
		return -ENOMEM;
	}
	if (rules->slots) {
		memcpy(slots, rules->slots, rules->n_slots * sizeof(*slots));
		memcpy(free_slots, rules->free_slots, rules->n_free * sizeof(*free_slots));
	}
	engine_memory_free(rules->slots);
	engine_memory_free(rules->free_slots);
	rules->slots = slots;
	rules->free_slots = free_slots;
	rules->slots_size = (uint32_t)size;
	return 0;
}

int rules_reserve(struct rules *rules, size_t n)
{
	if (reserve_slots(rules, n) || table_reserve(&rules->by_id, n) ||
	    table_reserve(&rules->by_match, n))
		return -ENOMEM;
	return 0;
}

int rules_add_tenant(struct rules *rules, uint32_t number, uint64_t keys_max)
{
	struct tenant *tenant;

	if (table_reserve(&rules->tenants, 1))
		return -ENOMEM;
	tenant = engine_memory_alloc(sizeof(*tenant));
	if (!tenant)
		return -ENOMEM;
	tenant->number = number;
	tenant->keys_max = keys_max;
	table_add(&rules->tenants, &tenant->by_number, rules_hash_tenant(number));
	return 0;
}

void rules_keys_max(struct rules *rules, uint64_t keys_max)
{
	for (uint32_t i = 0; i < rules->tenants.size; i++)
		for (struct table_link *at = rules->tenants.buckets[i]; at; at = at->next)
			table_entry(at, struct tenant, by_number)->keys_max = keys_max;
}

/* The anchor under which fewest patterns are filed so far; the first of equals. */
struct choice {
	const struct rules *rules;
	struct anchor best;
	uint32_t fewest;
};

static void consider(const struct anchor *anchor, void *data)
{
	struct choice *choice = data;
	const struct table_link *link = table_find(&choice->rules->by_match, anchor->hash);
	uint32_t n = anchor->len ? 0 : CROWD;

	for (; link && n < choice->fewest; link = table_next(link))
		n++;
	if (n >= choice->fewest)
		return;
	choice->fewest = n;
	choice->best = *anchor;
}

static void choose_anchor(const struct rules *rules, struct rule *rule)
{
	struct choice choice = {.rules = rules, .fewest = UINT32_MAX};

	anchor_each(&rules->powers, rule->pattern, rule->tenant, consider, &choice);
	rule->anchor = choice.best;
}

static void add_match(struct rules *rules, struct rule *rule)
{
	const struct pattern *pattern = rule->pattern;
	struct anchor *anchor = &rule->anchor;

	if (pattern->stars == 0) {
		/* That of its key, which is at hand where keys are looked up. */
		table_add(&rules->by_match, &rule->by_match,
			  key_hash(rules->seed, rule->tenant, pattern->text,
				   pattern_prefix_len(pattern)));
		return;
	}
	choose_anchor(rules, rule);
	table_add(&rules->by_match, &rule->by_match, anchor->hash);
	anchor_lengths_add(&rules_tenant(rules, rule->tenant)->anchors[anchor->kind], anchor->len);
}

static void remove_match(struct rules *rules, struct rule *rule)
{
	const struct anchor *anchor = &rule->anchor;

	table_remove(&rules->by_match, &rule->by_match);
	if (rule->pattern->stars)
		anchor_lengths_remove(&rules_tenant(rules, rule->tenant)->anchors[anchor->kind],
				      anchor->len);
}

void rules_add(struct rules *rules, struct rule *rule)
{
	rule->slot = rules->n_free ? rules->free_slots[--rules->n_free] : rules->n_slots++;
	rule->sequence = rules->sequence++;
	rules->slots[rule->slot] = rule;
	rules->count++;
	table_add(&rules->by_id, &rule->by_id, rules_hash_id(rules, rule->id));
	add_match(rules, rule);
}

static void add_aging(struct rules *rules, struct rule *rule)
{
	if (rule->aging)
		return;
	rule->aging = true;
	rule->next_aging = rules->aging;
	rules->aging = rule;
	rules->n_aging++;
}

void rules_delete(struct rules *rules, struct rule *rule, uint32_t generation)
{
	remove_match(rules, rule);
	table_remove(&rules->by_id, &rule->by_id);
	rules->count--;
	rule->deleted = true;
	rule->deleted_generation = generation;
	add_aging(rules, rule);
}

struct pattern *rules_replace_pattern(struct rules *rules, struct rule *rule,
				      struct pattern *pattern)
{
	struct pattern *before = rule->pattern;

	remove_match(rules, rule);
	rule->pattern = pattern;
	add_match(rules, rule);
	return before;
}

void rules_replace_params(struct rules *rules, struct rule *rule,
			  const struct sluice_params *params, struct rule_past *past,
			  uint32_t generation, uint64_t now_ns)
{
	*past = (struct rule_past){
		.params = rule->params,
		.changed_ns = now_ns,
		.until = generation,
	};
	if (rule->newest)
		rule->newest->next = past;
	else
		rule->oldest = past;
	rule->newest = past;
	rule->n_past++;
	rule->params = *params;
	rule->version++;
	add_aging(rules, rule);
}

void rules_reset(struct rules *rules, struct rule *rule, uint32_t generation)
{
	rule->reset_pending = true;
	rule->reset_generation = generation;
	add_aging(rules, rule);
}

/* True if nothing of the rule is aging any more. */
static bool forget_pasts(struct rule *rule, uint32_t generation)
{
	while (rule->oldest && !generation_before(generation, rule->oldest->until)) {
		struct rule_past *past = rule->oldest;

		rule->oldest = past->next;
		rule->n_past--;
		engine_memory_free(past);
	}
	if (!rule->oldest)
		rule->newest = NULL;
	if (rule->reset_pending && !generation_before(generation, rule->reset_generation))
		rule->reset_pending = false;
	return !rule->oldest && !rule->reset_pending;
}

void rules_forget(struct rules *rules, uint32_t generation)
{
	struct rule **at = &rules->aging;

	while (*at) {
		struct rule *rule = *at;
		bool settled = forget_pasts(rule, generation);

		if (rule->deleted)
			settled = !generation_before(generation, rule->deleted_generation);
		if (!settled) {
			at = &rule->next_aging;
			continue;
		}
		*at = rule->next_aging;
		rules->n_aging--;
		rule->aging = false;
		if (!rule->deleted)
			continue;
		rules->slots[rule->slot] = NULL;
		rules->free_slots[rules->n_free++] = rule->slot;
		rule_free(rule);
	}
}
