/* Makes, shares and frees immutable records and changes. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/change_priv.h"

struct item *item_new(const char *key, const void *value, size_t size, uint64_t revision)
{
	size_t key_size = strlen(key) + 1;
	struct item *item = malloc(sizeof(*item) + key_size + size);

	if (!item)
		return NULL;
	atomic_init(&item->references, 1);
	memcpy(item->bytes, key, key_size);
	if (size)
		memcpy(item->bytes + key_size, value, size);
	item->record = (struct store_record){
		.key = item->bytes,
		.value = value ? item->bytes + key_size : NULL,
		.size = size,
		.revision = revision,
	};
	return item;
}

struct item *item_ref(struct item *item)
{
	atomic_fetch_add_explicit(&item->references, 1, memory_order_relaxed);
	return item;
}

void item_unref(struct item *item)
{
	if (item && atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel) == 1)
		free(item);
}

struct change *change_new(uint64_t revision)
{
	struct change *change = malloc(sizeof(*change));

	if (!change)
		return NULL;
	atomic_init(&change->references, 1);
	change->revision = revision;
	change->n = 0;
	return change;
}

void change_add(struct change *change, struct item *item)
{
	assert(change->n < STORE_OPERATIONS_MAX);
	change->items[change->n++] = item;
}

struct change *change_ref(struct change *change)
{
	atomic_fetch_add_explicit(&change->references, 1, memory_order_relaxed);
	return change;
}

void change_unref(struct change *change)
{
	if (!change || atomic_fetch_sub_explicit(&change->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < change->n; i++)
		item_unref(change->items[i]);
	free(change);
}
