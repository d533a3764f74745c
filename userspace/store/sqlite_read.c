/* Reads of the SQLite store: each on a connection of its own, so that no writer waits. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_priv.h"

/* Bounds what one round of catching up holds in memory. */
#define LOAD_BYTES_MAX (4u << 20)

static void free_reader(struct reader *reader)
{
	if (!reader)
		return;
	db_finalize(reader->newest);
	db_finalize(reader->range);
	db_finalize(reader->changes);
	db_close(reader->db);
	free(reader);
}

static void free_readerp(struct reader **reader)
{
	free_reader(*reader);
}

static int make_reader(struct store_sqlite *sqlite, struct reader **ret)
{
	_cleanup_(free_readerp) struct reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	r = db_open_reader(sqlite->writer.db, &reader->db);
	if (r == 0)
		r = db_prepare(reader->db, "SELECT coalesce(max(id), 0) FROM changes",
			       &reader->newest);
	/* No upper bound: whoever reads stops at the first key without the prefix. */
	if (r == 0)
		r = db_prepare(reader->db,
			       "SELECT key, value, revision FROM records WHERE key >= ?1 "
			       "ORDER BY key",
			       &reader->range);
	if (r == 0)
		r = db_prepare(reader->db,
			       "SELECT id, key, value FROM changes WHERE id >= ?1 AND id < ?2 "
			       "ORDER BY id",
			       &reader->changes);
	if (r)
		return r;
	*ret = TAKE_PTR(reader);
	return 0;
}

static int to_errno(int r)
{
	if (r <= 0)
		return r;
	return r == DB_E_BUSY ? -EBUSY : -EIO;
}

static int take_reader(struct store_sqlite *sqlite, struct reader **ret)
{
	struct reader *reader;

	pthread_mutex_lock(&sqlite->readers_lock);
	reader = sqlite->idle_readers;
	if (reader)
		sqlite->idle_readers = reader->next;
	pthread_mutex_unlock(&sqlite->readers_lock);
	if (!reader) {
		int r = make_reader(sqlite, &reader);

		if (r && r != -ENOMEM)
			sqlite_note(sqlite, r);
		if (r)
			return to_errno(r);
	}
	reader->fault = 0;
	*ret = reader;
	return 0;
}

static void give_reader(struct store_sqlite *sqlite, struct reader *reader)
{
	if (reader->fault && reader->fault != DB_E_BUSY)
		sqlite_note(sqlite, reader->fault);
	pthread_mutex_lock(&sqlite->readers_lock);
	reader->next = sqlite->idle_readers;
	sqlite->idle_readers = reader;
	pthread_mutex_unlock(&sqlite->readers_lock);
}

void readers_done(struct store_sqlite *sqlite)
{
	while (sqlite->idle_readers) {
		struct reader *next = sqlite->idle_readers->next;

		free_reader(sqlite->idle_readers);
		sqlite->idle_readers = next;
	}
}

/* The callers get an errno, the store remembers more. */
static int map_read(struct reader *reader, int r)
{
	if (r > 0)
		reader->fault = r;
	return to_errno(r);
}

/* Keys are stored without a NUL. */
static int copy_key(struct db_stmt *stmt, int column, char key[STORE_KEY_MAX + 1])
{
	size_t len;
	const void *bytes = db_column_bytes(stmt, column, &len);

	if (!bytes || len > STORE_KEY_MAX || memchr(bytes, '\0', len))
		return -EIO;
	memcpy(key, bytes, len);
	key[len] = '\0';
	return 0;
}

static int visit_row(struct db_stmt *row, const char *prefix, store_visit_fn visit, void *data,
		     bool *ret_end)
{
	char key[STORE_KEY_MAX + 1];
	struct store_record record = {.key = key, .revision = db_column_u64(row, 2)};
	int r = copy_key(row, 0, key);

	if (r)
		return r;
	*ret_end = strncmp(key, prefix, strlen(prefix)) != 0;
	if (*ret_end)
		return 0;
	record.value = db_column_bytes(row, 1, &record.size);
	return visit(&record, data);
}

static int read_newest(struct reader *reader, uint64_t *ret)
{
	int r = db_step(reader->newest);

	if (r != DB_ROW)
		return map_read(reader, r);
	*ret = db_column_u64(reader->newest, 0) / CHANGE_STRIDE;
	db_reset(reader->newest);
	return 0;
}

static int visit_rows(struct reader *reader, const char *prefix, store_visit_fn visit, void *data)
{
	bool end = false;
	int r = 0;

	db_bind_bytes(reader->range, 1, prefix, strlen(prefix));
	while (r == 0 && !end) {
		r = db_step(reader->range);
		if (r != DB_ROW)
			return map_read(reader, r);
		r = visit_row(reader->range, prefix, visit, data, &end);
	}
	db_reset(reader->range);
	return r;
}

int sqlite_range(struct store *store, const char *prefix, store_visit_fn visit, void *data,
		 uint64_t *ret_revision)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	struct reader *reader;
	uint64_t revision = 0;
	int r = take_reader(sqlite, &reader);

	if (r)
		return r;
	r = map_read(reader, db_begin_read(reader->db));
	if (r == 0)
		r = read_newest(reader, &revision);
	if (r == 0)
		r = visit_rows(reader, prefix, visit, data);
	db_rollback(reader->db);
	give_reader(sqlite, reader);
	if (r == 0)
		*ret_revision = revision;
	return r;
}

/* What has been gathered of a load: `n` changes that follow `after` without a gap. */
struct load {
	struct change **changes;
	size_t n;
	size_t bytes;
	uint64_t after;
};

/* The change that a row of `revision` belongs to; *ret NULL: enough was gathered before it. */
static int find_change(struct load *load, uint64_t revision, struct change **ret)
{
	*ret = NULL;
	if (load->n && load->changes[load->n - 1]->revision == revision) {
		*ret = load->changes[load->n - 1];
		return (*ret)->n < STORE_OPERATIONS_MAX ? 0 : -EIO;
	}
	if (revision != load->after + load->n + 1)
		return -EIO;
	if (load->n == WATCH_BATCH || load->bytes > LOAD_BYTES_MAX)
		return 0;
	*ret = change_new(revision);
	if (!*ret)
		return -ENOMEM;
	load->changes[load->n++] = *ret;
	return 0;
}

static int load_row(struct load *load, struct db_stmt *row, bool *ret_end)
{
	uint64_t revision = db_column_u64(row, 0) / CHANGE_STRIDE;
	char key[STORE_KEY_MAX + 1];
	struct change *change;
	struct item *item;
	const void *value;
	size_t size;
	int r = copy_key(row, 1, key);

	if (r == 0)
		r = find_change(load, revision, &change);
	*ret_end = r == 0 && !change;
	if (r || !change)
		return r;
	value = db_column_bytes(row, 2, &size);
	item = item_new(key, value, size, revision);
	if (!item)
		return -ENOMEM;
	change_add(change, item);
	load->bytes += size;
	return 0;
}

static int load_rows(struct reader *reader, struct load *load, uint64_t upto)
{
	bool end = false;
	int r = 0;

	db_bind_u64(reader->changes, 1, (load->after + 1) * CHANGE_STRIDE);
	db_bind_u64(reader->changes, 2, (upto + 1) * CHANGE_STRIDE);
	while (r == 0 && !end) {
		r = db_step(reader->changes);
		if (r != DB_ROW)
			break;
		r = load_row(load, reader->changes, &end);
	}
	db_reset(reader->changes);
	r = map_read(reader, r);
	/* Somebody else removed them from the file. */
	return r == 0 && load->n == 0 ? -EIO : r;
}

int sqlite_load(struct store *store, uint64_t after, uint64_t upto,
		struct change *changes[WATCH_BATCH], size_t *ret_n)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	struct load load = {.changes = changes, .after = after};
	struct reader *reader;
	int r = take_reader(sqlite, &reader);

	if (r)
		return r;
	r = load_rows(reader, &load, upto);
	give_reader(sqlite, reader);
	if (r == 0) {
		*ret_n = load.n;
		return 0;
	}
	while (load.n)
		change_unref(changes[--load.n]);
	return r;
}
