/* Configuration as records: ranges, transactions that compare revisions, and a watch. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/*
 * Keys are NUL-terminated text such as "tenants/default/limits/lim_...". Each transaction that
 * writes makes the next revision (from 1); a record's revision is that of its last write, 0 means
 * absent. Acknowledged means durable. The face fits SQLite and, later, etcd: no SQL above it.
 * All calls may come from any thread and may block on disk: never call them on a polling thread.
 */
enum {
	STORE_KEY_MAX = 1024,       /* bytes */
	STORE_VALUE_MAX = 65536,    /* bytes */
	STORE_OPERATIONS_MAX = 128, /* compares, puts and deletes of one transaction together */
};

enum {
	STORE_E_CONFLICT = 1,  /* a compared revision differs: nothing was written */
	STORE_E_UNKNOWN = 2,   /* no answer: it may or may not have been written */
	STORE_E_COMPACTED = 3, /* watch: changes since then are not kept, or the store is not that
				* far (put back from a backup): range again, watch from there */
	STORE_E_TOO_LARGE = 4, /* key, value or number of operations */
	STORE_E_READ_ONLY = 5, /* disk full, read-only or corrupt: nothing written, reads go on */
};

struct store_record {
	const char *key;
	const void *value; /* NULL in an event: deleted */
	size_t size;
	uint64_t revision;
};

struct store_compare {
	const char *key;
	uint64_t revision; /* 0: must be absent */
};

struct store_put {
	const char *key;
	const void *value;
	size_t size;
};

struct store_txn {
	const struct store_compare *compares;
	size_t n_compares;
	const struct store_put *puts;
	size_t n_puts;
	const char *const *deletes; /* absent keys are no error and no write */
	size_t n_deletes;
};

/*
 * Borrowed during the call. Non-zero ends the range and is returned by it. It may call the store,
 * but for store_close(); what it writes does not show in the range.
 */
typedef int (*store_visit_fn)(const struct store_record *record, void *data);

/*
 * One revision's changes under the watched prefix: puts, then deletions, in the transaction's
 * order. Called on the store's watch thread, revision after revision, never twice for one. n may be
 * 0: the store has reached `revision`. A slow one delays other watchers, never a transaction; it
 * may call the store, but for store_unwatch() and store_close().
 */
typedef void (*store_watch_fn)(uint64_t revision, const struct store_record *events, size_t n,
			       void *data);

struct store;
struct store_watch;

struct store_ops {
	int (*range)(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		     uint64_t *ret_revision);
	int (*txn)(struct store *store, const struct store_txn *txn, uint64_t *ret_revision);
	int (*watch)(struct store *store, const char *prefix, uint64_t from_revision,
		     store_watch_fn changed, void *data, struct store_watch **ret);
	void (*unwatch)(struct store *store, struct store_watch *watch);
	/* May be NULL, both: writes never fail. */
	const char *(*trouble)(struct store *store);
	void (*probe)(struct store *store);
	void (*close)(struct store *store);
};

/* Backends embed it first. */
struct store {
	const struct store_ops *ops;
};

/* Visits all records whose key starts with prefix, in byte order of keys, as of *ret_revision. */
int store_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		uint64_t *ret_revision);
/*
 * All or nothing. 0 and the new revision; with nothing to write, the present one. Else STORE_E_*;
 * -EINVAL (an empty key, a key written twice) or another -errno, with nothing written.
 */
int store_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision);
/*
 * Calls back for every revision after from_revision. A consumer ranges first, then watches from
 * the range's revision, and so misses nothing. At least the last 10,000 revisions are kept, and all
 * that a watch still needs. *ret is set before the first call. 0, STORE_E_COMPACTED,
 * STORE_E_TOO_LARGE, -errno.
 */
int store_watch(struct store *store, const char *prefix, uint64_t from_revision,
		store_watch_fn changed, void *data, struct store_watch **ret);
/* Why the last write failed, or a read since, as a sentence for the operator; NULL: none did.
 * Static, from any thread, without waiting. */
const char *store_trouble(struct store *store);
/* If there is trouble, tries a write that changes nothing, so that store_trouble() tells the present. */
void store_probe(struct store *store);
/* No callback runs after it returns. Not from inside a callback. NULL is fine. */
void store_unwatch(struct store *store, struct store_watch *watch);
/* Ends what is still watched, undelivered changes included. No other call may be running. */
void store_close(struct store *store);
