/* The plain, slow engine. */
/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "unit/engine/plain.h"

bool plain_covers(const char *pattern, size_t len, const char *key, size_t key_len)
{
	if (len == 0)
		return key_len == 0;
	if (*pattern == '*')
		return plain_covers(pattern + 1, len - 1, key, key_len) ||
		       (key_len && plain_covers(pattern, len, key + 1, key_len - 1));
	if (*pattern == '\\') {
		pattern++;
		len--;
	}
	return key_len && *pattern == *key &&
	       plain_covers(pattern + 1, len - 1, key + 1, key_len - 1);
}

static bool match_glob(const char *pattern, const char *key)
{
	return plain_covers(pattern, strlen(pattern), key, strlen(key));
}

struct plain_limit *plain_find(struct plain_engine *model, const char *id)
{
	for (int i = 0; i < PLAIN_LIMITS; i++)
		if (model->limits[i].live && strcmp(model->limits[i].id, id) == 0)
			return &model->limits[i];
	return NULL;
}

static uint64_t worth_now(const struct plain_limit *limit, const struct plain_bucket *bucket,
			  uint64_t now_ns)
{
	if (limit->params.algorithm != SLUICE_TOKEN_BUCKET &&
	    now_ns - bucket->written_ns >= 2 * limit->params.interval_ns)
		return 0;
	return bucket->word;
}

static void write_word(struct plain_bucket *bucket, uint64_t word, uint64_t now_ns)
{
	bucket->word = word;
	bucket->written_ns = now_ns;
}

static void convert_buckets(const struct plain_engine *model, struct plain_limit *limit,
			    const struct engine_limit *to, uint64_t now_ns)
{
	for (int i = 0; i < PLAIN_KEYS; i++) {
		uint64_t word = worth_now(limit, &limit->buckets[i], now_ns);

		if (!match_glob(to->pattern, model->keys[i]))
			word = 0;
		if (memcmp(&limit->params, &to->params, sizeof(to->params)) != 0)
			word = sluice_convert(word, now_ns, &limit->params, &to->params);
		write_word(&limit->buckets[i], word, now_ns);
	}
}

static struct plain_limit *add_limit(struct plain_engine *model, const struct engine_limit *from)
{
	struct plain_limit *limit = model->limits;

	while (limit->live)
		limit++;
	*limit = (struct plain_limit){.live = true, .sequence = model->sequence++};
	strcpy(limit->id, from->id);
	return limit;
}

void plain_apply(struct plain_engine *model, const struct engine_change *change, uint64_t now_ns)
{
	struct plain_limit *limit = plain_find(model, change->limit.id);

	switch (change->op) {
	case ENGINE_PUT:
		if (limit && limit->tenant != change->limit.tenant) {
			limit->live = false;
			limit = NULL;
		}
		if (limit)
			convert_buckets(model, limit, &change->limit, now_ns);
		else
			limit = add_limit(model, &change->limit);
		strcpy(limit->pattern, change->limit.pattern);
		limit->tenant = change->limit.tenant;
		limit->mode = change->limit.mode;
		limit->params = change->limit.params;
		break;
	case ENGINE_DELETE:
		limit->live = false;
		break;
	case ENGINE_RESET:
		memset(limit->buckets, 0, sizeof(limit->buckets));
		break;
	}
}

/* Live limits that cover the key, oldest first. */
static uint32_t find_limits(struct plain_engine *model, uint32_t tenant, const char *key,
			    struct plain_limit **ret)
{
	uint32_t n = 0;

	for (uint64_t next = 0; next < model->sequence; next++)
		for (int i = 0; i < PLAIN_LIMITS; i++) {
			struct plain_limit *limit = &model->limits[i];

			if (limit->live && limit->sequence == next && limit->tenant == tenant &&
			    limit->mode != ENGINE_OFF && match_glob(limit->pattern, key))
				ret[n++] = limit;
		}
	return n;
}

static void fill_hit(const struct plain_limit *limit, uint64_t word, int64_t cost, bool refused,
		     uint64_t now_ns, struct engine_hit *ret)
{
	strcpy(ret->id, limit->id);
	ret->limit = limit->params.limit;
	ret->burst = limit->params.burst;
	ret->interval_ns = limit->params.interval_ns;
	ret->mode = (uint8_t)limit->mode;
	ret->refused = refused;
	sluice_explain(word, now_ns, refused ? (__u64)cost : 0, &limit->params, &ret->figures);
}

void plain_check(struct plain_engine *model, uint32_t tenant, unsigned key, int64_t cost, bool peek,
		 uint64_t now_ns, struct engine_verdict *ret)
{
	struct plain_limit *limits[PLAIN_LIMITS];
	__u64 words[PLAIN_LIMITS], next[PLAIN_LIMITS];
	bool refused[PLAIN_LIMITS] = {false};

	ret->allowed = true;
	ret->count = find_limits(model, tenant, model->keys[key], limits);
	for (uint32_t i = 0; i < ret->count; i++) {
		words[i] = next[i] = worth_now(limits[i], &limits[i]->buckets[key], now_ns);
		if (cost > 0)
			refused[i] = !sluice_step(words[i], now_ns, (__u64)cost, &limits[i]->params,
						  &next[i]);
		else
			next[i] = sluice_charge(words[i], now_ns, cost, &limits[i]->params);
		if (refused[i] && limits[i]->mode == ENGINE_ENFORCE)
			ret->allowed = false;
	}
	for (uint32_t i = 0; i < ret->count; i++) {
		bool write = ret->allowed && !refused[i] && !peek;

		if (write && cost != 0)
			write_word(&limits[i]->buckets[key], next[i], now_ns);
		if (!peek && cost > 0) {
			limits[i]->stats.denied += refused[i];
			limits[i]->stats.allowed += write;
		}
		fill_hit(limits[i], write ? next[i] : words[i], cost, refused[i], now_ns,
			 &ret->hits[i]);
	}
}

void plain_reset_key(struct plain_engine *model, const char *id, unsigned key)
{
	plain_find(model, id)->buckets[key].word = 0;
}
