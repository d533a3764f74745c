/* Forwards to the store inside, but for what the test has ordered. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "unit/service/fault_store.h"

static struct fault_store *fault_of(struct store *store)
{
	return (struct fault_store *)store;
}

static int fault_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		       uint64_t *ret_revision)
{
	return store_range(fault_of(store)->inner, prefix, visit, data, ret_revision);
}

static int fault_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision)
{
	struct fault_store *fault = fault_of(store);
	void (*before)(void *data) = fault->before;

	fault->before = NULL;
	if (before)
		before(fault->data);
	if (!fault->outcome)
		return store_txn(fault->inner, txn, ret_revision);
	if (fault->writes_anyway)
		store_txn(fault->inner, txn, ret_revision);
	return fault->outcome;
}

static void forward_change(uint64_t revision, const struct store_record *events, size_t n,
			   void *data)
{
	struct fault_store *fault = data;

	if (!__atomic_load_n(&fault->mute, __ATOMIC_SEQ_CST))
		fault->changed(revision, events, n, fault->changed_data);
}

static int fault_watch(struct store *store, const char *prefix, uint64_t from_revision,
		       store_watch_fn changed, void *data, struct store_watch **ret)
{
	struct fault_store *fault = fault_of(store);

	fault->changed = changed;
	fault->changed_data = data;
	return store_watch(fault->inner, prefix, from_revision, forward_change, fault, ret);
}

static void fault_unwatch(struct store *store, struct store_watch *watch)
{
	store_unwatch(fault_of(store)->inner, watch);
}

static void fault_close(struct store *store)
{
	store_close(fault_of(store)->inner);
	free(store);
}

static const struct store_ops fault_ops = {
	.range = fault_range,
	.txn = fault_txn,
	.watch = fault_watch,
	.unwatch = fault_unwatch,
	.close = fault_close,
};

struct fault_store *fault_store_new(struct store *inner)
{
	struct fault_store *fault = calloc(1, sizeof(*fault));

	if (!fault)
		abort();
	fault->store.ops = &fault_ops;
	fault->inner = inner;
	return fault;
}
