/* The API keys of a draft: copied on the first change, sorted by tenant and id. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/draft_priv.h"
#include "service/records_priv.h"

/* Keys change rarely: the first change of a draft copies them all. */
static int own_keys(struct draft *draft)
{
	struct catalog *former;
	const struct keyring_entry *entries = NULL;
	size_t n = 0;

	if (draft->keys)
		return 0;
	/* What the entries borrow from it stays: nobody else publishes a catalog. */
	former = (struct catalog *)snapshot_get(&draft->reconcile->catalog);
	if (former)
		entries = keyring_entries(former->keyring, &n);
	draft->keys = calloc(n + 1, sizeof(*draft->keys));
	if (draft->keys && n)
		memcpy(draft->keys, entries, n * sizeof(*entries));
	draft->n_keys = n;
	if (former)
		service_catalog_put(former);
	return draft->keys ? 0 : -ENOMEM;
}

/* Where the key stands or would stand. */
static size_t find_key(const struct draft *draft, const char *tenant, const char *id,
		       bool *ret_found)
{
	size_t i = keyring_place(draft->keys, draft->n_keys, tenant, id);

	*ret_found = i < draft->n_keys && keyring_compare(&draft->keys[i], tenant, id) == 0;
	return i;
}

int draft_remove_key(struct draft *draft, const char *tenant, const char *id)
{
	bool found;
	size_t i;

	if (own_keys(draft))
		return -ENOMEM;
	i = find_key(draft, tenant, id, &found);
	if (!found)
		return 0;
	draft->n_keys--;
	memmove(&draft->keys[i], &draft->keys[i + 1], (draft->n_keys - i) * sizeof(*draft->keys));
	return 0;
}

/* Which of two keys with one token is meant, no request can say. */
static int refuse_twin(const struct draft *draft, const struct keyring_entry *entry,
		       struct field_error *error)
{
	for (size_t i = 0; i < draft->n_keys; i++) {
		const struct api_key *other = &draft->keys[i].key;

		if (memcmp(other->digest, entry->key.digest, AUTH_DIGEST_SIZE) != 0 ||
		    keyring_compare(entry, other->tenant, other->id) == 0)
			continue;
		field_error_set(error, "digest", "is that of key %s, too", other->id);
		return RECORD_E_INVALID;
	}
	return 0;
}

int draft_put_key(struct draft *draft, const struct keyring_entry *entry, struct field_error *error)
{
	struct key_use *use = NULL;
	struct keyring_entry *at;
	bool found;
	size_t i;
	int r;

	if (own_keys(draft))
		return -ENOMEM;
	r = refuse_twin(draft, entry, error);
	if (r)
		return r;
	i = find_key(draft, entry->key.tenant, entry->key.id, &found);
	if (found) {
		use = draft->keys[i].use;
	} else {
		at = reallocarray(draft->keys, draft->n_keys + 1, sizeof(*at));
		if (!at)
			return -ENOMEM;
		draft->keys = at;
		memmove(&at[i + 1], &at[i], (draft->n_keys - i) * sizeof(*at));
		draft->n_keys++;
	}
	draft->keys[i] = *entry;
	draft->keys[i].use = use;
	return 0;
}
