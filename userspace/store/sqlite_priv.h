/* What the files of the SQLite store share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>
#include <stdatomic.h>

#include "db/db.h"
#include "store/backends.h"
#include "store/watch_priv.h"

/* A change's row is numbered revision * CHANGE_STRIDE + its place in the transaction. */
#define CHANGE_STRIDE 256

static_assert(CHANGE_STRIDE >= STORE_OPERATIONS_MAX, "places of one revision must not overlap");

/* A connection that only reads, and its statements; used by one thread at a time. */
struct reader {
	struct db *db;
	struct db_stmt *newest;
	struct db_stmt *range;
	struct db_stmt *changes;
	int fault; /* a result of db.h since it was taken; 0: none */
	struct reader *next;
};

/* The writing connection. */
struct writer {
	struct db *db;
	struct db_stmt *find;
	struct db_stmt *put;
	struct db_stmt *remove;
	struct db_stmt *log;
	struct db_stmt *trim;
};

struct pending;

/* No lock but the hub's is taken while another is held; nobody waits for the disk holding any but
 * writer_lock. */
struct store_sqlite {
	struct store store;
	struct watch_hub hub;

	pthread_mutex_t writer_lock; /* guards the next group; held while a batch is committed */
	struct writer writer;
	uint64_t oldest; /* the first revision of which changes are kept */
	uint64_t revision;
	/* Why nothing more is written until it is reopened, a failed sync or a damaged page; else NULL. */
	const char *_Atomic broken;
	const char *_Atomic trouble; /* why the last write or a read failed; NULL: none did */

	pthread_mutex_t queue_lock; /* guards the next group; held for a few instructions */
	struct pending *queue;      /* newest first */
	bool leading;               /* somebody commits a batch */
	pthread_cond_t led;         /* it is done */

	pthread_mutex_t readers_lock; /* guards idle_readers */
	struct reader *idle_readers;
};

static inline struct store_sqlite *sqlite_of(struct store *store)
{
	return (struct store_sqlite *)store;
}

/* sqlite_write.c */
int writer_prepare(struct writer *writer);
void writer_done(struct writer *writer);
int sqlite_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision);
/* Remembers why something failed, a result of db.h. */
void sqlite_note(struct store_sqlite *sqlite, int r);
const char *sqlite_trouble(struct store *store);
void sqlite_probe(struct store *store);

/* sqlite_read.c */
int sqlite_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		 uint64_t *ret_revision);
/* See watch_load_fn. */
int sqlite_load(struct store *store, uint64_t after, uint64_t upto,
		struct change *changes[WATCH_BATCH], size_t *ret_n);
void readers_done(struct store_sqlite *sqlite);
