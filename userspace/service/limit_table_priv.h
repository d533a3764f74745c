/* The table of limits behind a catalog: sorted, cheap to copy and change. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "service/service.h"

/* A limit that several catalogs may hold. Immutable but for the count. */
struct limit_entry {
	atomic_uint references;
	uint32_t tenant_number;
	struct limit limit;
};
/* Takes the limit (leaves an empty one behind). NULL: no memory. */
struct limit_entry *limit_entry_new(uint32_t tenant_number, struct limit *limit);
struct limit_entry *limit_entry_ref(struct limit_entry *entry);
void limit_entry_unref(struct limit_entry *entry);
static inline void limit_entry_unrefp(struct limit_entry **entry)
{
	limit_entry_unref(*entry);
}
#define _cleanup_entry_ _cleanup_(limit_entry_unrefp)

/*
 * Sorted by tenant number, then id. Copying a table shares its pages; a change replaces the page
 * it touches if another table holds it too. So a change among 10,000 limits copies about 100
 * pointers to pages and one page. Not thread-safe until published; then read only.
 */
int limit_table_new(struct limit_table **ret);
int limit_table_copy(const struct limit_table *from, struct limit_table **ret);
void limit_table_free(struct limit_table *table);
static inline void limit_table_freep(struct limit_table **table)
{
	limit_table_free(*table);
}
#define _cleanup_table_ _cleanup_(limit_table_freep)

/* Takes its own reference of the entry. 0, or -ENOMEM and the table is as it was. */
int limit_table_put(struct limit_table *table, struct limit_entry *entry);
int limit_table_remove(struct limit_table *table, uint32_t tenant_number, const char *id);
struct limit_entry *limit_table_find(const struct limit_table *table, uint32_t tenant_number,
				     const char *id);
/* As catalog_page() and catalog_count() in service.h. */
size_t limit_table_page(const struct limit_table *table, uint32_t tenant_number, const char *after,
			const struct limit **ret, size_t n);
/* Visits every entry, of all tenants; non-zero ends it and is returned. */
int limit_table_visit(const struct limit_table *table,
		      int (*visit)(const struct limit_entry *entry, void *data), void *data);
uint64_t limit_table_count(const struct limit_table *table, uint32_t tenant_number);
size_t limit_table_size(const struct limit_table *table);
/* How many wait to be confirmed. */
size_t limit_table_unconfirmed(const struct limit_table *table);
