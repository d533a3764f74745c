/* The immutable view of the configuration that everyone reads. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

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

uint64_t catalog_count(const struct catalog *catalog, uint32_t tenant_number)
{
	return limit_table_count(catalog->limits, tenant_number);
}
