/* Immutable records and the changes that carry them, shared by counting references. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "store/store.h"

/* One record as of one revision; record.value is NULL for a deletion. Never changes once made. */
struct item {
	atomic_uint references;
	struct store_record record; /* points into bytes */
	char bytes[];               /* key, NUL, value */
};

/* value NULL makes a deletion. NULL when out of memory. */
struct item *item_new(const char *key, const void *value, size_t size, uint64_t revision);
struct item *item_ref(struct item *item);
/* NULL is fine. */
void item_unref(struct item *item);

/* What one revision changed: its puts, then its deletions, in the transaction's order. */
struct change {
	atomic_uint references;
	uint64_t revision;
	size_t n;
	struct item *items[STORE_OPERATIONS_MAX];
};

struct change *change_new(uint64_t revision);
/* Takes the caller's reference of item. */
void change_add(struct change *change, struct item *item);
struct change *change_ref(struct change *change);
/* NULL is fine. */
void change_unref(struct change *change);

static inline void change_unrefp(struct change **change)
{
	change_unref(*change);
}
#define _cleanup_change_ _cleanup_(change_unrefp)
