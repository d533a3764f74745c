/* Chained hash tables with links in the entries. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "engine/memory.h"
#include "engine/table.h"

enum { TABLE_SIZE_MIN = 16 };

static struct table_link **find_bucket(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->size - 1)];
}

int table_reserve(struct table *table, size_t more)
{
	struct table grown = {.size = table->size ? table->size : TABLE_SIZE_MIN};

	while (grown.size < table->count + more)
		grown.size *= 2;
	if (grown.size == table->size)
		return 0;
	grown.buckets = engine_memory_alloc(grown.size * sizeof(*grown.buckets));
	if (!grown.buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->size; i++)
		while (table->buckets[i]) {
			struct table_link *link = table->buckets[i];

			table->buckets[i] = link->next;
			table_add(&grown, link, link->hash);
		}
	table_done(table);
	*table = grown;
	return 0;
}

void table_done(struct table *table)
{
	engine_memory_free(table->buckets);
	*table = (struct table){0};
}

void table_add(struct table *table, struct table_link *link, uint64_t hash)
{
	struct table_link **bucket = find_bucket(table, hash);

	link->hash = hash;
	link->next = *bucket;
	*bucket = link;
	table->count++;
}

void table_remove(struct table *table, struct table_link *link)
{
	struct table_link **at = find_bucket(table, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	table->count--;
}

static struct table_link *skip_others(struct table_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct table_link *table_find(const struct table *table, uint64_t hash)
{
	return table->size ? skip_others(*find_bucket(table, hash), hash) : NULL;
}

struct table_link *table_next(const struct table_link *link)
{
	return skip_others(link->next, link->hash);
}
