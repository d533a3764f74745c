/* Finds the rules that cover a key: by the key, and by each place where it may have an anchor. */
/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "engine/key_hash.h"
#include "engine/rules.h"
#include "engine/rules_priv.h"

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

/* Keeps the first ENGINE_MATCH_MAX in order of creation, each once. */
static void add_match(struct rule_set *set, struct rule *rule)
{
	uint32_t at = set->n;

	while (at && set->rules[at - 1]->sequence > rule->sequence)
		at--;
	if (at && set->rules[at - 1] == rule)
		return;
	if (set->n == ENGINE_MATCH_MAX) {
		set->overflow = true;
		if (at == ENGINE_MATCH_MAX)
			return;
		set->n--;
	}
	memmove(&set->rules[at + 1], &set->rules[at], (set->n - at) * sizeof(set->rules[0]));
	set->rules[at] = rule;
	set->n++;
}

/* What is looked up, and what was found. */
struct match {
	const struct rules *rules;
	const struct tenant *tenant;
	const char *key;
	size_t len;
	uint64_t sums[ENGINE_KEY_MAX + 1];
	struct rule_set *set;
};

static void match_links(struct match *match, struct table_link *link)
{
	for (; link; link = table_next(link)) {
		struct rule *rule = table_entry(link, struct rule, by_match);

		if (rule->tenant == match->tenant->number &&
		    pattern_match(rule->pattern, match->key, match->len))
			add_match(match->set, rule);
	}
}

static struct table_link *find_anchor(const struct match *match, size_t at,
				      const struct anchor *anchor)
{
	return table_find(&match->rules->by_match, anchor_hash(&match->rules->powers, match->sums,
							       at, anchor, match->tenant->number));
}

/* ANCHOR_PREFIX or ANCHOR_SUFFIX: each length stands in one place. */
static void match_end(struct match *match, enum anchor_kind kind)
{
	const struct anchor_lengths *lengths = &match->tenant->anchors[kind];

	for (uint16_t i = 0; i < lengths->n && lengths->lengths[i] <= match->len; i++) {
		struct anchor anchor = {.kind = kind, .len = lengths->lengths[i]};
		size_t at = kind == ANCHOR_SUFFIX ? match->len - anchor.len : 0;

		match_links(match, find_anchor(match, at, &anchor));
	}
}

/* Some of the anchors that were found: a key may be one of them over and over. */
struct found {
	uint32_t n;
	struct table_link *links[32];
};

static bool is_found(struct found *found, struct table_link *link)
{
	for (uint32_t i = 0; i < found->n; i++)
		if (found->links[i] == link)
			return true;
	if (found->n < sizeof(found->links) / sizeof(found->links[0]))
		found->links[found->n++] = link;
	return false;
}

static void match_inside(struct match *match)
{
	const struct anchor_lengths *lengths = &match->tenant->anchors[ANCHOR_INSIDE];
	struct found found = {.n = 0};

	for (uint16_t i = 0; i < lengths->n; i++) {
		struct anchor anchor = {.kind = ANCHOR_INSIDE, .len = lengths->lengths[i]};

		for (size_t at = 0; at + anchor.len <= match->len; at++) {
			struct table_link *link = find_anchor(match, at, &anchor);

			if (link && !is_found(&found, link))
				match_links(match, link);
		}
	}
}

/* How many bytes of the key anchors may depend on. */
static size_t measure_sums(const struct match *match)
{
	const struct anchor_lengths *anchors = match->tenant->anchors;
	const struct anchor_lengths *prefixes = &anchors[ANCHOR_PREFIX];
	size_t longest = prefixes->n ? prefixes->lengths[prefixes->n - 1] : 0;

	if (anchors[ANCHOR_SUFFIX].n || anchors[ANCHOR_INSIDE].n || longest > match->len)
		return match->len;
	return longest;
}

static void match_anchors(struct match *match)
{
	anchor_sum(&match->rules->powers, match->key, measure_sums(match), match->sums);
	match_end(match, ANCHOR_PREFIX);
	match_end(match, ANCHOR_SUFFIX);
	match_inside(match);
}

static bool has_patterns(const struct tenant *tenant)
{
	return tenant->anchors[ANCHOR_PREFIX].n || tenant->anchors[ANCHOR_SUFFIX].n ||
	       tenant->anchors[ANCHOR_INSIDE].n;
}

void rules_match(const struct rules *rules, uint32_t tenant, const char *key, size_t len,
		 uint64_t hash, struct rule_set *ret)
{
	struct match match; /* large: what is read is set */

	ret->n = 0;
	ret->overflow = false;
	match.tenant = rules_tenant(rules, tenant);
	if (!match.tenant)
		return;
	match.rules = rules;
	match.key = key;
	match.len = len;
	match.set = ret;
	match_links(&match, table_find(&rules->by_match, hash));
	if (has_patterns(match.tenant))
		match_anchors(&match);
}
