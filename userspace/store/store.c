/* Checks what callers pass and hands it to the store's backend. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/store.h"

static int check_key(const char *key)
{
	size_t len = strnlen(key, STORE_KEY_MAX + 1);

	if (len == 0)
		return -EINVAL;
	return len > STORE_KEY_MAX ? STORE_E_TOO_LARGE : 0;
}

static const char *written_key(const struct store_txn *txn, size_t i)
{
	return i < txn->n_puts ? txn->puts[i].key : txn->deletes[i - txn->n_puts];
}

/* At most 128 keys: comparing each with each costs less than one write. */
static int check_distinct(const struct store_txn *txn)
{
	size_t n = txn->n_puts + txn->n_deletes;

	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(written_key(txn, i), written_key(txn, j)) == 0)
				return -EINVAL;
	return 0;
}

static int check_txn(const struct store_txn *txn)
{
	int r = 0;

	if (txn->n_compares > STORE_OPERATIONS_MAX || txn->n_puts > STORE_OPERATIONS_MAX ||
	    txn->n_deletes > STORE_OPERATIONS_MAX ||
	    txn->n_compares + txn->n_puts + txn->n_deletes > STORE_OPERATIONS_MAX)
		return STORE_E_TOO_LARGE;
	for (size_t i = 0; r == 0 && i < txn->n_compares; i++)
		r = check_key(txn->compares[i].key);
	for (size_t i = 0; r == 0 && i < txn->n_puts + txn->n_deletes; i++)
		r = check_key(written_key(txn, i));
	for (size_t i = 0; r == 0 && i < txn->n_puts; i++) {
		assert(txn->puts[i].value || txn->puts[i].size == 0);
		if (txn->puts[i].size > STORE_VALUE_MAX)
			r = STORE_E_TOO_LARGE;
	}
	return r ? r : check_distinct(txn);
}

int store_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		uint64_t *ret_revision)
{
	if (strnlen(prefix, STORE_KEY_MAX + 1) > STORE_KEY_MAX)
		return STORE_E_TOO_LARGE;
	return store->ops->range(store, prefix, visit, data, ret_revision);
}

int store_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision)
{
	int r = check_txn(txn);

	return r ? r : store->ops->txn(store, txn, ret_revision);
}

int store_watch(struct store *store, const char *prefix, uint64_t from_revision,
		store_watch_fn changed, void *data, struct store_watch **ret)
{
	if (strnlen(prefix, STORE_KEY_MAX + 1) > STORE_KEY_MAX)
		return STORE_E_TOO_LARGE;
	return store->ops->watch(store, prefix, from_revision, changed, data, ret);
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
	if (watch)
		store->ops->unwatch(store, watch);
}

const char *store_trouble(struct store *store)
{
	return store->ops->trouble ? store->ops->trouble(store) : NULL;
}

void store_probe(struct store *store)
{
	if (store->ops->probe)
		store->ops->probe(store);
}

void store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
}
