/* Finds the rules that cover a key: one hash lookup per length of literal prefix in use. */
/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "engine/key_hash.h"
#include "engine/rules.h"
#include "engine/rules_priv.h"

/* Patterns lie in the same table as exact keys, under a hash of their own. */
static const uint64_t pattern_salt = 0x9e3779b97f4a7c15ULL;

uint64_t rules_hash_match(const struct rules *rules, uint32_t tenant, const struct pattern *pattern)
{
	uint64_t hash = key_hash(rules->seed, tenant, pattern->text, pattern_prefix_len(pattern));

	return pattern->stars ? hash ^ pattern_salt : hash;
}

uint64_t rules_hash_id(const struct rules *rules, const char *id)
{
	return key_hash(rules->seed, 0, id, strnlen(id, ENGINE_ID_SIZE));
}

struct rule *rules_find(const struct rules *rules, const char *id)
{
	struct table_link *link = table_find(&rules->by_id, rules_hash_id(rules, id));

	for (; link; link = table_next(link)) {
		struct rule *rule = table_entry(link, struct rule, by_id);

		if (strncmp(rule->id, id, ENGINE_ID_SIZE) == 0)
			return rule;
	}
	return NULL;
}

struct tenant *rules_tenant(const struct rules *rules, uint32_t number)
{
	struct table_link *link = table_find(&rules->tenants, rules_hash_tenant(number));

	return link ? table_entry(link, struct tenant, by_number) : NULL;
}

/* Keeps the first ENGINE_MATCH_MAX in order of creation. */
static void add_match(struct rule_set *set, struct rule *rule)
{
	uint32_t at;

	if (set->n == ENGINE_MATCH_MAX) {
		set->overflow = true;
		if (set->rules[set->n - 1]->sequence < rule->sequence)
			return;
		set->n--;
	}
	for (at = set->n++; at && set->rules[at - 1]->sequence > rule->sequence; at--)
		set->rules[at] = set->rules[at - 1];
	set->rules[at] = rule;
}

static void match_bucket(const struct rules *rules, uint32_t tenant, const char *key, size_t len,
			 uint64_t hash, struct rule_set *ret)
{
	struct table_link *link = table_find(&rules->by_match, hash);

	for (; link; link = table_next(link)) {
		struct rule *rule = table_entry(link, struct rule, by_match);

		if (rule->tenant == tenant && pattern_match(rule->pattern, key, len))
			add_match(ret, rule);
	}
}

void rules_match(const struct rules *rules, uint32_t tenant, const char *key, size_t len,
		 uint64_t hash, struct rule_set *ret)
{
	const struct tenant *record = rules_tenant(rules, tenant);

	ret->n = 0;
	ret->overflow = false;
	if (!record)
		return;
	match_bucket(rules, tenant, key, len, hash, ret);
	for (uint16_t i = 0; i < record->n_lengths && record->lengths[i] <= len; i++) {
		hash = key_hash(rules->seed, tenant, key, record->lengths[i]) ^ pattern_salt;
		match_bucket(rules, tenant, key, len, hash, ret);
	}
}
