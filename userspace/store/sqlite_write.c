/* Transactions of the SQLite store: those that wait together share one commit. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "store/sqlite_priv.h"

/* One caller's transaction; lives on its stack. Whoever commits it owns it until it is done. */
struct pending {
	const struct store_txn *txn;
	struct pending *next;
	bool done; /* guarded by queue_lock */
	int result;
	uint64_t revision;
};

int writer_prepare(struct writer *w)
{
	int r = db_prepare(w->db, "SELECT revision FROM records WHERE key = ?1", &w->find);

	if (r == 0)
		r = db_prepare(w->db,
			       "INSERT INTO records (key, value, revision) VALUES (?1, ?2, ?3) "
			       "ON CONFLICT DO UPDATE SET value = ?2, revision = ?3",
			       &w->put);
	if (r == 0)
		r = db_prepare(w->db, "DELETE FROM records WHERE key = ?1", &w->remove);
	if (r == 0)
		r = db_prepare(w->db, "INSERT INTO changes (id, key, value) VALUES (?1, ?2, ?3)",
			       &w->log);
	if (r == 0)
		r = db_prepare(w->db, "DELETE FROM changes WHERE id < ?1", &w->trim);
	return r;
}

void writer_done(struct writer *w)
{
	db_finalize(w->find);
	db_finalize(w->put);
	db_finalize(w->remove);
	db_finalize(w->log);
	db_finalize(w->trim);
	db_close(w->db);
}

static void bind_key(struct db_stmt *stmt, int index, const char *key)
{
	db_bind_bytes(stmt, index, key, strlen(key));
}

/* *ret is 0 when absent. */
static int find_revision(struct writer *w, const char *key, uint64_t *ret)
{
	int r;

	bind_key(w->find, 1, key);
	r = db_step(w->find);
	*ret = r == DB_ROW ? db_column_u64(w->find, 0) : 0;
	db_reset(w->find);
	return r == DB_ROW ? 0 : r;
}

/* 0 and whether all compares hold. */
static int compare_revisions(struct writer *w, const struct store_txn *txn, bool *ret_equal)
{
	*ret_equal = true;
	for (size_t i = 0; *ret_equal && i < txn->n_compares; i++) {
		uint64_t revision;
		int r = find_revision(w, txn->compares[i].key, &revision);

		if (r)
			return r;
		*ret_equal = revision == txn->compares[i].revision;
	}
	return 0;
}

static int put_record(struct writer *w, const struct store_put *put, uint64_t id)
{
	int r;

	bind_key(w->put, 1, put->key);
	db_bind_bytes(w->put, 2, put->value, put->size);
	db_bind_u64(w->put, 3, id / CHANGE_STRIDE);
	r = db_run(w->put);
	if (r)
		return r;
	db_bind_u64(w->log, 1, id);
	bind_key(w->log, 2, put->key);
	db_bind_bytes(w->log, 3, put->value, put->size);
	return db_run(w->log);
}

static int delete_record(struct writer *w, const char *key, uint64_t *id)
{
	uint64_t revision;
	int r = find_revision(w, key, &revision);

	if (r || revision == 0)
		return r;
	bind_key(w->remove, 1, key);
	r = db_run(w->remove);
	if (r)
		return r;
	db_bind_u64(w->log, 1, (*id)++);
	bind_key(w->log, 2, key);
	db_bind_null(w->log, 3);
	return db_run(w->log);
}

/* Inside the batch's SQL transaction. *revision moves on if anything was written. */
static int write_pending(struct writer *w, struct pending *pending, uint64_t *revision)
{
	const struct store_txn *txn = pending->txn;
	const uint64_t first = (*revision + 1) * CHANGE_STRIDE;
	uint64_t id = first;
	bool equal;
	int r = compare_revisions(w, txn, &equal);

	pending->result = equal ? 0 : STORE_E_CONFLICT;
	for (size_t i = 0; r == 0 && equal && i < txn->n_puts; i++)
		r = put_record(w, &txn->puts[i], id++);
	for (size_t i = 0; r == 0 && equal && i < txn->n_deletes; i++)
		r = delete_record(w, txn->deletes[i], &id);
	if (id > first)
		(*revision)++;
	pending->revision = *revision;
	return r;
}

static int trim_changes(struct store_sqlite *sqlite, uint64_t revision, uint64_t *oldest)
{
	struct watch_range kept = {sqlite->oldest, revision};

	*oldest = watch_hub_first_kept(&sqlite->hub, kept);
	if (*oldest == sqlite->oldest)
		return 0;
	db_bind_u64(sqlite->writer.trim, 1, *oldest * CHANGE_STRIDE);
	return db_run(sqlite->writer.trim);
}

void sqlite_note(struct store_sqlite *sqlite, int r)
{
	/* Writing on could only spread damage. */
	atomic_store(r == DB_E_CORRUPT ? &sqlite->broken : &sqlite->trouble, db_sentence(r));
}

/* What a failure before or during the commit means to the callers. */
static int map_failure(struct store_sqlite *sqlite, int r, bool committing)
{
	sqlite_note(sqlite, r);
	switch (r) {
	case DB_E_FULL:
	case DB_E_GONE:
	case DB_E_READ_ONLY:
	case DB_E_CORRUPT:
	case DB_E_NOT_OURS:
		return STORE_E_READ_ONLY;
	case DB_E_BUSY:
		return -EBUSY;
	case DB_E_UNSYNCED:
		break;
	default:
		if (!committing)
			return r < 0 ? r : -EIO;
	}
	/*
	 * The log may hold the commit, and the kernel forgets pages that it failed to write: a
	 * later sync could succeed without them. Only reopening shows what is there.
	 */
	atomic_store(&sqlite->broken, "the disk failed to sync: restart to see what it holds");
	return STORE_E_UNKNOWN;
}

/* 0, or why nothing of the batch was written. */
static int commit_batch(struct store_sqlite *sqlite, struct pending *batch)
{
	struct db *db = sqlite->writer.db;
	uint64_t revision = sqlite->revision, oldest = sqlite->oldest;
	bool committing = false;
	int r;

	if (atomic_load(&sqlite->broken))
		return STORE_E_READ_ONLY;
	r = db_begin(db);
	for (; r == 0 && batch; batch = batch->next)
		r = write_pending(&sqlite->writer, batch, &revision);
	if (r == 0)
		r = trim_changes(sqlite, revision, &oldest);
	if (r == 0) {
		committing = true;
		r = db_commit(db);
	}
	if (r) {
		db_rollback(db);
		return map_failure(sqlite, r, committing);
	}
	atomic_store(&sqlite->trouble, NULL);
	sqlite->oldest = oldest;
	sqlite->revision = revision;
	watch_hub_advance(&sqlite->hub, revision);
	return 0;
}

const char *sqlite_trouble(struct store *store)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	const char *broken = atomic_load(&sqlite->broken);

	return broken ? broken : atomic_load(&sqlite->trouble);
}

void sqlite_probe(struct store *store)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	int r;

	if (!sqlite_trouble(store))
		return;
	pthread_mutex_lock(&sqlite->writer_lock);
	if (!atomic_load(&sqlite->broken)) {
		r = db_probe(sqlite->writer.db);
		if (r)
			map_failure(sqlite, r, false);
		else
			atomic_store(&sqlite->trouble, NULL);
	}
	pthread_mutex_unlock(&sqlite->writer_lock);
}

static void set_results(struct pending *batch, int result)
{
	for (; batch; batch = batch->next)
		batch->result = result;
}

static void run_batch(struct store_sqlite *sqlite, struct pending *batch)
{
	int r = commit_batch(sqlite, batch);

	if (r != STORE_E_READ_ONLY || !batch->next) {
		if (r)
			set_results(batch, r);
		return;
	}
	/* Together they did not fit; a large one must not take small ones down with it. */
	for (struct pending *one = batch; one; one = one->next) {
		struct pending *next = one->next;

		one->next = NULL;
		r = commit_batch(sqlite, one);
		if (r)
			set_results(one, r);
		one->next = next;
	}
}

/* The queue, oldest first; it is empty afterwards. Holding queue_lock. */
static struct pending *take_queue(struct store_sqlite *sqlite)
{
	struct pending *newest_first = sqlite->queue, *batch = NULL;

	sqlite->queue = NULL;
	while (newest_first) {
		struct pending *next = newest_first->next;

		newest_first->next = batch;
		batch = newest_first;
		newest_first = next;
	}
	return batch;
}

/* Holding queue_lock, but not while committing. */
static void lead_batch(struct store_sqlite *sqlite)
{
	struct pending *batch = take_queue(sqlite);

	sqlite->leading = true;
	pthread_mutex_unlock(&sqlite->queue_lock);
	pthread_mutex_lock(&sqlite->writer_lock);
	run_batch(sqlite, batch);
	pthread_mutex_unlock(&sqlite->writer_lock);
	pthread_mutex_lock(&sqlite->queue_lock);
	sqlite->leading = false;
	while (batch) {
		struct pending *next = batch->next;

		batch->done = true;
		batch = next;
	}
	pthread_cond_broadcast(&sqlite->led);
}

/*
 * One caller leads: it commits all that queued up while the one before it did, so the number of
 * syncs does not grow with the number of threads. (A mutex alone as the turnstile would let the
 * leader overtake those that it has served, and commit alone.)
 */
int sqlite_txn(struct store *store, const struct store_txn *txn, uint64_t *ret_revision)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	struct pending mine = {.txn = txn};

	pthread_mutex_lock(&sqlite->queue_lock);
	mine.next = sqlite->queue;
	sqlite->queue = &mine;
	while (!mine.done && sqlite->leading)
		pthread_cond_wait(&sqlite->led, &sqlite->queue_lock);
	if (!mine.done)
		lead_batch(sqlite);
	pthread_mutex_unlock(&sqlite->queue_lock);
	if (mine.result == 0)
		*ret_revision = mine.revision;
	return mine.result;
}
