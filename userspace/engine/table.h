/* Chained hash tables whose links lie in the entries, so that adding one cannot fail. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table_link {
	struct table_link *next;
	uint64_t hash;
};

/* Zeroed memory is an empty table. The owner guards it. */
struct table {
	struct table_link **buckets;
	uint32_t size; /* 0 or a power of two */
	uint32_t count;
};

/* The entry of `type` whose member `name` the link is. */
#define table_entry(link, type, name) ((type *)(void *)((char *)(link)-offsetof(type, name)))

/* Makes room for `more` entries: 0 or -ENOMEM. Call it before table_add. */
int table_reserve(struct table *table, size_t more);
void table_done(struct table *table);

/* Until the next table_reserve, later entries are found first. */
void table_add(struct table *table, struct table_link *link, uint64_t hash);
void table_remove(struct table *table, struct table_link *link);

/* The first entry with this hash, and the next one after it; NULL at the end. */
struct table_link *table_find(const struct table *table, uint64_t hash);
struct table_link *table_next(const struct table_link *link);
