/* A sorted table of limits in pages, which its successive versions share. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/limit_table_priv.h"

enum { PAGE_ENTRIES = 128 };

struct limit_page {
	atomic_uint references;
	uint32_t n;
	struct limit_entry *entries[PAGE_ENTRIES];
};

struct limit_table {
	struct limit_page **pages; /* none is empty */
	size_t n_pages;
	size_t size;
	size_t n_limits;
	size_t n_unconfirmed;
};

/* Where an entry stands or would stand. */
struct place {
	size_t page;
	uint32_t at;
	bool found;
};

struct limit_entry *limit_entry_new(uint32_t tenant_number, struct limit *limit)
{
	struct limit_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	atomic_init(&entry->references, 1);
	entry->tenant_number = tenant_number;
	entry->limit = *limit;
	limit_init(limit);
	return entry;
}

struct limit_entry *limit_entry_ref(struct limit_entry *entry)
{
	atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
	return entry;
}

void limit_entry_unref(struct limit_entry *entry)
{
	if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
		return;
	limit_done(&entry->limit);
	free(entry);
}

static struct limit_page *new_page(void)
{
	struct limit_page *page = calloc(1, sizeof(*page));

	if (page)
		atomic_init(&page->references, 1);
	return page;
}

static void unref_page(struct limit_page *page)
{
	if (atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < page->n; i++)
		limit_entry_unref(page->entries[i]);
	free(page);
}

static int compare_entry(const struct limit_entry *entry, uint32_t tenant_number, const char *id)
{
	if (entry->tenant_number != tenant_number)
		return entry->tenant_number < tenant_number ? -1 : 1;
	return strcmp(entry->limit.id, id);
}

/* The last page that begins at or before the entry: the one that may hold it. */
static size_t find_page(const struct limit_table *table, uint32_t tenant_number, const char *id)
{
	size_t low = 0, high = table->n_pages, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare_entry(table->pages[middle]->entries[0], tenant_number, id) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? low - 1 : 0;
}

static struct place find_place(const struct limit_table *table, uint32_t tenant_number,
			       const char *id)
{
	struct place place = {.page = find_page(table, tenant_number, id)};
	const struct limit_page *page;
	uint32_t low = 0, high, middle;

	if (table->n_pages == 0)
		return place;
	page = table->pages[place.page];
	high = page->n;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare_entry(page->entries[middle], tenant_number, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	place.at = low;
	place.found = low < page->n && compare_entry(page->entries[low], tenant_number, id) == 0;
	return place;
}

static int reserve_pages(struct limit_table *table, size_t n)
{
	struct limit_page **pages;
	size_t size;

	if (n <= table->size)
		return 0;
	size = n + n / 2 + 4;
	pages = realloc(table->pages, size * sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	table->pages = pages;
	table->size = size;
	return 0;
}

/* An empty table with room for n pages. NULL: no memory. */
static struct limit_table *new_table(size_t n)
{
	struct limit_table *table = calloc(1, sizeof(*table));

	if (table && reserve_pages(table, n)) {
		free(table);
		return NULL;
	}
	return table;
}

int limit_table_new(struct limit_table **ret)
{
	struct limit_table *table = new_table(0);

	if (!table)
		return -ENOMEM;
	*ret = table;
	return 0;
}

int limit_table_copy(const struct limit_table *from, struct limit_table **ret)
{
	struct limit_table *table = new_table(from->n_pages + 1);

	if (!table)
		return -ENOMEM;
	assert(table->pages);
	for (size_t i = 0; i < from->n_pages; i++) {
		table->pages[i] = from->pages[i];
		atomic_fetch_add_explicit(&from->pages[i]->references, 1, memory_order_relaxed);
	}
	table->n_pages = from->n_pages;
	table->n_limits = from->n_limits;
	table->n_unconfirmed = from->n_unconfirmed;
	*ret = table;
	return 0;
}

void limit_table_free(struct limit_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_pages; i++)
		unref_page(table->pages[i]);
	free(table->pages);
	free(table);
}

static size_t unconfirmed(const struct limit_entry *entry)
{
	return entry->limit.confirm_by_ms != 0;
}

/* Makes the page this table's alone, so that it may be changed. NULL: no memory. */
static struct limit_page *own_page(struct limit_table *table, size_t index)
{
	struct limit_page *page = table->pages[index];
	struct limit_page *copy;

	if (atomic_load_explicit(&page->references, memory_order_acquire) == 1)
		return page;
	copy = new_page();
	if (!copy)
		return NULL;
	for (uint32_t i = 0; i < page->n; i++)
		copy->entries[i] = limit_entry_ref(page->entries[i]);
	copy->n = page->n;
	table->pages[index] = copy;
	unref_page(page);
	return copy;
}

static int insert_page(struct limit_table *table, size_t index, struct limit_page **ret)
{
	struct limit_page *page;

	if (reserve_pages(table, table->n_pages + 1))
		return -ENOMEM;
	page = new_page();
	if (!page)
		return -ENOMEM;
	memmove(&table->pages[index + 1], &table->pages[index],
		(table->n_pages - index) * sizeof(*table->pages));
	table->pages[index] = page;
	table->n_pages++;
	*ret = page;
	return 0;
}

/* Moves the upper part of a full page into a new one and follows the place there. */
static int split_page(struct limit_table *table, struct place *place)
{
	struct limit_page *page = own_page(table, place->page);
	struct limit_page *next;
	/* Ids grow with time: whoever appends leaves full pages behind, not halves. */
	uint32_t keep = place->at == PAGE_ENTRIES ? PAGE_ENTRIES : PAGE_ENTRIES / 2;

	if (!page || insert_page(table, place->page + 1, &next))
		return -ENOMEM;
	next->n = page->n - keep;
	memcpy(next->entries, &page->entries[keep], next->n * sizeof(next->entries[0]));
	page->n = keep;
	if (place->at >= keep) {
		place->page++;
		place->at -= keep;
	}
	return 0;
}

static int insert_entry(struct limit_table *table, struct place place, struct limit_entry *entry)
{
	struct limit_page *page;
	int r = 0;

	if (table->n_pages == 0)
		r = insert_page(table, 0, &page);
	else if (table->pages[place.page]->n == PAGE_ENTRIES)
		r = split_page(table, &place);
	if (r)
		return r;
	page = own_page(table, place.page);
	if (!page)
		return -ENOMEM;
	memmove(&page->entries[place.at + 1], &page->entries[place.at],
		(page->n - place.at) * sizeof(page->entries[0]));
	page->entries[place.at] = limit_entry_ref(entry);
	page->n++;
	table->n_limits++;
	table->n_unconfirmed += unconfirmed(entry);
	return 0;
}

int limit_table_put(struct limit_table *table, struct limit_entry *entry)
{
	struct place place = find_place(table, entry->tenant_number, entry->limit.id);
	struct limit_page *page;

	if (!place.found)
		return insert_entry(table, place, entry);
	page = own_page(table, place.page);
	if (!page)
		return -ENOMEM;
	table->n_unconfirmed += unconfirmed(entry) - unconfirmed(page->entries[place.at]);
	limit_entry_unref(page->entries[place.at]);
	page->entries[place.at] = limit_entry_ref(entry);
	return 0;
}

int limit_table_remove(struct limit_table *table, uint32_t tenant_number, const char *id)
{
	struct place place = find_place(table, tenant_number, id);
	struct limit_page *page;

	if (!place.found)
		return 0;
	page = own_page(table, place.page);
	if (!page)
		return -ENOMEM;
	table->n_unconfirmed -= unconfirmed(page->entries[place.at]);
	limit_entry_unref(page->entries[place.at]);
	page->n--;
	memmove(&page->entries[place.at], &page->entries[place.at + 1],
		(page->n - place.at) * sizeof(page->entries[0]));
	table->n_limits--;
	if (page->n > 0)
		return 0;
	unref_page(page);
	table->n_pages--;
	memmove(&table->pages[place.page], &table->pages[place.page + 1],
		(table->n_pages - place.page) * sizeof(*table->pages));
	return 0;
}

struct limit_entry *limit_table_find(const struct limit_table *table, uint32_t tenant_number,
				     const char *id)
{
	struct place place = find_place(table, tenant_number, id);

	return place.found ? table->pages[place.page]->entries[place.at] : NULL;
}

size_t limit_table_page(const struct limit_table *table, uint32_t tenant_number, const char *after,
			const struct limit **ret, size_t n)
{
	struct place place = find_place(table, tenant_number, after ? after : "");
	uint32_t at = place.found ? place.at + 1 : place.at;
	const struct limit_entry *entry;
	size_t count = 0;

	for (size_t i = place.page; i < table->n_pages; i++, at = 0) {
		for (; at < table->pages[i]->n; at++) {
			entry = table->pages[i]->entries[at];
			if (count == n || entry->tenant_number != tenant_number)
				return count;
			ret[count++] = &entry->limit;
		}
	}
	return count;
}

int limit_table_visit(const struct limit_table *table,
		      int (*visit)(const struct limit_entry *entry, void *data), void *data)
{
	int r = 0;

	for (size_t i = 0; i < table->n_pages && r == 0; i++)
		for (uint32_t at = 0; at < table->pages[i]->n && r == 0; at++)
			r = visit(table->pages[i]->entries[at], data);
	return r;
}

/* Entries before the first of this tenant number. */
static uint64_t count_before(const struct limit_table *table, uint64_t tenant_number)
{
	struct place place;
	uint64_t count = 0;

	if (tenant_number > UINT32_MAX)
		return table->n_limits;
	place = find_place(table, (uint32_t)tenant_number, "");
	for (size_t i = 0; i < place.page; i++)
		count += table->pages[i]->n;
	return count + place.at;
}

uint64_t limit_table_count(const struct limit_table *table, uint32_t tenant_number)
{
	return count_before(table, (uint64_t)tenant_number + 1) -
	       count_before(table, tenant_number);
}

size_t limit_table_size(const struct limit_table *table)
{
	return table->n_limits;
}

size_t limit_table_unconfirmed(const struct limit_table *table)
{
	return table->n_unconfirmed;
}
