/* The immutable view of the configuration that everyone reads. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "service/catalog_priv.h"
#include "service/limit_table_priv.h"

static void free_catalog(struct snapshot *snapshot)
{
	struct catalog *catalog = (struct catalog *)snapshot;

	limit_table_free(catalog->limits);
	keyring_free(catalog->keyring);
	free(catalog);
}

struct catalog *catalog_new(uint64_t revision, struct limit_table *table, struct keyring *keyring)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog) {
		limit_table_free(table);
		keyring_free(keyring);
		return NULL;
	}
	snapshot_init(&catalog->snapshot, free_catalog);
	catalog->revision = revision;
	catalog->n_limits = limit_table_size(table);
	catalog->limits = table;
	catalog->keyring = keyring;
	return catalog;
}

const struct limit *catalog_find(const struct catalog *catalog, uint32_t tenant_number,
				 const char *id)
{
	const struct limit_entry *entry = limit_table_find(catalog->limits, tenant_number, id);

	return entry ? &entry->limit : NULL;
}

size_t catalog_page(const struct catalog *catalog, uint32_t tenant_number, const char *after,
		    const struct limit **ret, size_t n)
{
	return limit_table_page(catalog->limits, tenant_number, after, ret, n);
}

const struct keyring_entry *catalog_find_key(const struct catalog *catalog, const char *tenant,
					     const char *id)
{
	size_t n, i;
	const struct keyring_entry *entries = keyring_entries(catalog->keyring, &n);

	i = keyring_place(entries, n, tenant, id);
	return i < n && keyring_compare(&entries[i], tenant, id) == 0 ? &entries[i] : NULL;
}

const struct keyring_entry *catalog_keys(const struct catalog *catalog, const char *tenant,
					 const char *after, size_t *ret_n)
{
	size_t n, first, end;
	const struct keyring_entry *entries = keyring_entries(catalog->keyring, &n);

	first = keyring_place(entries, n, tenant, after ? after : "");
	if (after && first < n && keyring_compare(&entries[first], tenant, after) == 0)
		first++;
	for (end = first; end < n && strcmp(entries[end].key.tenant, tenant) == 0;)
		end++;
	*ret_n = end - first;
	return entries + first;
}

uint64_t catalog_count(const struct catalog *catalog, uint32_t tenant_number)
{
	return limit_table_count(catalog->limits, tenant_number);
}
