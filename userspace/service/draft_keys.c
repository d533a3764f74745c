/* The API keys of a draft: copied on the first change, sorted by tenant and id. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/draft_priv.h"

static int compare_key(const struct keyring_entry *entry, const char *tenant, const char *id)
{
	int order = strcmp(entry->key.tenant, tenant);

	return order ? order : strcmp(entry->key.id, id);
}

/* Where the key stands or would stand. */
static size_t find_key(const struct key_set *keys, const char *tenant, const char *id,
		       bool *ret_found)
{
	size_t low = 0, high = keys->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare_key(&keys->at[middle], tenant, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = low < keys->n && compare_key(&keys->at[low], tenant, id) == 0;
	return low;
}

/* Keys change rarely: the first change of a draft copies them all. */
static int own_keys(struct draft *draft)
{
	const struct key_set *from = &draft->reconcile->keys;

	if (draft->keys_changed)
		return 0;
	draft->keys.at = calloc(from->n + 1, sizeof(*from->at));
	if (!draft->keys.at)
		return -ENOMEM;
	if (from->n)
		memcpy(draft->keys.at, from->at, from->n * sizeof(*from->at));
	draft->keys.n = from->n;
	draft->keys_changed = true;
	return 0;
}

int draft_remove_key(struct draft *draft, const char *tenant, const char *id)
{
	struct key_set *keys = &draft->keys;
	bool found;
	size_t i;

	if (own_keys(draft))
		return -ENOMEM;
	i = find_key(keys, tenant, id, &found);
	if (!found)
		return 0;
	keys->n--;
	memmove(&keys->at[i], &keys->at[i + 1], (keys->n - i) * sizeof(*keys->at));
	return 0;
}

int draft_put_key(struct draft *draft, const struct keyring_entry *entry)
{
	struct key_set *keys = &draft->keys;
	struct keyring_entry *at;
	bool found;
	size_t i;

	if (own_keys(draft))
		return -ENOMEM;
	i = find_key(keys, entry->key.tenant, entry->key.id, &found);
	if (!found) {
		at = reallocarray(keys->at, keys->n + 1, sizeof(*at));
		if (!at)
			return -ENOMEM;
		keys->at = at;
		memmove(&at[i + 1], &at[i], (keys->n - i) * sizeof(*at));
		keys->n++;
	}
	keys->at[i] = *entry;
	return 0;
}
