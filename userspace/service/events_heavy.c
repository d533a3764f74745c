/* The busiest keys of one limit, in bounded memory whatever the number of keys. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/events_heavy_priv.h"

static struct heavy_key *find_key(struct heavy *heavy, const char *key, size_t len, uint64_t hash)
{
	for (size_t i = 0; i < heavy->n; i++) {
		struct heavy_key *at = &heavy->keys[i];

		if (at->hash == hash && at->len == len && memcmp(at->text, key, len) == 0)
			return at;
	}
	return NULL;
}

/* A counter for a key that has none: a free one, or that of the least count. */
static struct heavy_key *take_counter(struct heavy *heavy)
{
	struct heavy_key *least = &heavy->keys[0];

	if (heavy->n < HEAVY_KEYS) {
		least = &heavy->keys[heavy->n++];
		least->count = 0;
		return least;
	}
	for (size_t i = 1; i < heavy->n; i++)
		if (heavy->keys[i].count < least->count)
			least = &heavy->keys[i];
	return least;
}

void heavy_add(struct heavy *heavy, const char *key, size_t len, uint64_t hash, double weight,
	       bool denied)
{
	struct heavy_key *at = find_key(heavy, key, len, hash);

	if (!at) {
		at = take_counter(heavy);
		at->error = at->count;
		at->allowed = 0;
		at->denied = 0;
		at->hash = hash;
		at->len = len;
		memcpy(at->text, key, len);
	}
	at->count += weight;
	*(denied ? &at->denied : &at->allowed) += weight;
}

void heavy_fade(struct heavy *heavy, double by)
{
	for (size_t i = 0; i < heavy->n; i++) {
		heavy->keys[i].count *= by;
		heavy->keys[i].error *= by;
		heavy->keys[i].allowed *= by;
		heavy->keys[i].denied *= by;
	}
}

static double seen(const struct heavy_key *key)
{
	return key->allowed + key->denied;
}

size_t heavy_top(const struct heavy *heavy, const struct heavy_key **ret, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < heavy->n; i++) {
		size_t at = count;

		while (at > 0 && seen(ret[at - 1]) < seen(&heavy->keys[i]))
			at--;
		if (at == n)
			continue;
		count += count < n;
		memmove(&ret[at + 1], &ret[at], (count - at - 1) * sizeof(*ret));
		ret[at] = &heavy->keys[i];
	}
	return count;
}
