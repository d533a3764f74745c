/* The store in memory: records sorted by key, recent changes in a list. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/backends.h"
#include "store/watch_priv.h"

/* A growing array of pointers. */
struct list {
	void **at;
	size_t n, room;
};

struct store_memory {
	struct store store;
	struct watch_hub hub;
	pthread_mutex_t lock; /* guards all below */
	struct list records;  /* struct item, sorted by key */
	struct list changes;  /* struct change, of revisions oldest, oldest + 1, ... */
	uint64_t oldest;
	uint64_t revision;
};

static struct store_memory *memory_of(struct store *store)
{
	return (struct store_memory *)store;
}

static int reserve_room(struct list *list, size_t more)
{
	size_t room = list->room ? list->room : 64;
	void **at;

	while (room < list->n + more)
		room *= 2;
	if (room == list->room)
		return 0;
	at = realloc(list->at, room * sizeof(*at));
	if (!at)
		return -ENOMEM;
	list->at = at;
	list->room = room;
	return 0;
}

static void insert_at(struct list *list, size_t i, void *pointer)
{
	memmove(&list->at[i + 1], &list->at[i], (list->n - i) * sizeof(*list->at));
	list->at[i] = pointer;
	list->n++;
}

static void remove_at(struct list *list, size_t i, size_t n)
{
	memmove(&list->at[i], &list->at[i + n], (list->n - i - n) * sizeof(*list->at));
	list->n -= n;
}

static struct item *item_at(const struct store_memory *memory, size_t i)
{
	return memory->records.at[i];
}

/* The place of the first key that is not below `key`. */
static size_t find_place(const struct store_memory *memory, const char *key)
{
	size_t low = 0, high = memory->records.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(item_at(memory, middle)->record.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t find_revision(const struct store_memory *memory, const char *key, size_t *ret_place)
{
	size_t i = find_place(memory, key);

	*ret_place = i;
	if (i == memory->records.n || strcmp(item_at(memory, i)->record.key, key) != 0)
		return 0;
	return item_at(memory, i)->record.revision;
}

static int compare_revisions(const struct store_memory *memory, const struct store_txn *txn)
{
	size_t place;

	for (size_t i = 0; i < txn->n_compares; i++) {
		const struct store_compare *compare = &txn->compares[i];

		if (find_revision(memory, compare->key, &place) != compare->revision)
			return STORE_E_CONFLICT;
	}
	return 0;
}

/* All that can fail happens here, before anything is changed. */
static int prepare_change(struct store_memory *memory, const struct store_txn *txn,
			  struct change **ret)
{
	_cleanup_change_ struct change *change = change_new(memory->revision + 1);
	size_t place;

	if (!change || reserve_room(&memory->records, txn->n_puts) ||
	    reserve_room(&memory->changes, 1))
		return -ENOMEM;
	for (size_t i = 0; i < txn->n_puts + txn->n_deletes; i++) {
		const struct store_put *put = i < txn->n_puts ? &txn->puts[i] : NULL;
		const char *key = put ? put->key : txn->deletes[i - txn->n_puts];
		struct item *item;

		if (!put && find_revision(memory, key, &place) == 0)
			continue;
		item = item_new(key, put ? (put->size ? put->value : "") : NULL,
				put ? put->size : 0, change->revision);
		if (!item)
			return -ENOMEM;
		change_add(change, item);
	}
	*ret = TAKE_PTR(change);
	return 0;
}

static void apply_item(struct store_memory *memory, struct item *item)
{
	size_t place;
	bool present = find_revision(memory, item->record.key, &place) != 0;

	if (present) {
		item_unref(item_at(memory, place));
		remove_at(&memory->records, place, 1);
	}
	if (item->record.value)
		insert_at(&memory->records, place, item_ref(item));
}

static void trim_changes(struct store_memory *memory)
{
	struct watch_range kept = {memory->oldest, memory->revision};
	size_t n = (size_t)(watch_hub_first_kept(&memory->hub, kept) - memory->oldest);

	for (size_t i = 0; i < n; i++)
		change_unref(memory->changes.at[i]);
	remove_at(&memory->changes, 0, n);
	memory->oldest += n;
}

static void apply_change(struct store_memory *memory, struct change *change)
{
	for (size_t i = 0; i < change->n; i++)
		apply_item(memory, change->items[i]);
	insert_at(&memory->changes, memory->changes.n, change_ref(change));
	memory->revision = change->revision;
	trim_changes(memory);
	watch_hub_advance(&memory->hub, memory->revision);
}

static int write_txn(struct store_memory *memory, const struct store_txn *txn)
{
	_cleanup_change_ struct change *change = NULL;
	int r = compare_revisions(memory, txn);

	if (r == 0)
		r = prepare_change(memory, txn, &change);
	if (r == 0 && change->n)
		apply_change(memory, change);
	return r;
}

static int memory_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision)
{
	struct store_memory *memory = memory_of(store);
	int r;

	pthread_mutex_lock(&memory->lock);
	r = write_txn(memory, txn);
	if (r == 0)
		*ret_revision = memory->revision;
	pthread_mutex_unlock(&memory->lock);
	return r;
}

/* References to all items under prefix; the visitor runs later, without the lock. */
static int gather_items(struct store_memory *memory, const char *prefix, struct list *ret)
{
	size_t first = find_place(memory, prefix), end = first, len = strlen(prefix);

	while (end < memory->records.n &&
	       strncmp(item_at(memory, end)->record.key, prefix, len) == 0)
		end++;
	if (reserve_room(ret, end - first))
		return -ENOMEM;
	for (size_t i = first; i < end; i++)
		ret->at[ret->n++] = item_ref(item_at(memory, i));
	return 0;
}

static int memory_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
			uint64_t *ret_revision)
{
	struct store_memory *memory = memory_of(store);
	struct list found = {0};
	uint64_t revision;
	int r;

	pthread_mutex_lock(&memory->lock);
	revision = memory->revision;
	r = gather_items(memory, prefix, &found);
	pthread_mutex_unlock(&memory->lock);
	for (size_t i = 0; r == 0 && i < found.n; i++)
		r = visit(&((struct item *)found.at[i])->record, data);
	for (size_t i = 0; i < found.n; i++)
		item_unref(found.at[i]);
	free(found.at);
	if (r == 0)
		*ret_revision = revision;
	return r;
}

static int load_changes(struct store *store, uint64_t after, uint64_t upto,
			struct change *changes[WATCH_BATCH], size_t *ret_n)
{
	struct store_memory *memory = memory_of(store);
	size_t n = 0;

	pthread_mutex_lock(&memory->lock);
	for (; n < WATCH_BATCH && after + n < upto; n++)
		changes[n] = change_ref(memory->changes.at[after + 1 + n - memory->oldest]);
	pthread_mutex_unlock(&memory->lock);
	*ret_n = n;
	return 0;
}

static int memory_watch(struct store *store, const char *prefix, uint64_t from_revision,
			store_watch_fn changed, void *data, struct store_watch **ret)
{
	struct store_memory *memory = memory_of(store);
	const struct watch_request request = {prefix, from_revision, changed, data};
	int r;

	pthread_mutex_lock(&memory->lock);
	r = watch_hub_add(&memory->hub, &request,
			  (struct watch_range){memory->oldest, memory->revision}, ret);
	pthread_mutex_unlock(&memory->lock);
	return r;
}

static void memory_unwatch(struct store *store, struct store_watch *watch)
{
	watch_hub_remove(&memory_of(store)->hub, watch);
}

static void memory_close(struct store *store)
{
	struct store_memory *memory = memory_of(store);

	watch_hub_done(&memory->hub);
	for (size_t i = 0; i < memory->records.n; i++)
		item_unref(memory->records.at[i]);
	for (size_t i = 0; i < memory->changes.n; i++)
		change_unref(memory->changes.at[i]);
	free(memory->records.at);
	free(memory->changes.at);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static const struct store_ops memory_ops = {
	.range = memory_range,
	.txn = memory_txn,
	.watch = memory_watch,
	.unwatch = memory_unwatch,
	.close = memory_close,
};

int store_open_memory(struct store **ret)
{
	struct store_memory *memory = calloc(1, sizeof(*memory));
	int r;

	if (!memory)
		return -ENOMEM;
	memory->store.ops = &memory_ops;
	memory->oldest = 1;
	pthread_mutex_init(&memory->lock, NULL);
	r = watch_hub_init(&memory->hub, &memory->store, load_changes, 0);
	if (r) {
		pthread_mutex_destroy(&memory->lock);
		free(memory);
		return r;
	}
	*ret = &memory->store;
	return 0;
}
