/* The store in an SQLite file: opening, closing, and its table of operations. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "store/backends.h"
#include "store/sqlite_priv.h"

static const char *const migrations[] = {
	"CREATE TABLE records ("
	"	key BLOB PRIMARY KEY,"
	"	value BLOB NOT NULL,"
	"	revision INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE changes ("
	"	id INTEGER PRIMARY KEY," /* see CHANGE_STRIDE */
	"	key BLOB NOT NULL,"
	"	value BLOB" /* NULL: deleted */
	") STRICT",
};

const struct db_schema store_file_schema = {
	.application_id = 0x534c4346, /* "SLCF": Sluice, configuration */
	.migrations = migrations,
	.n_migrations = sizeof(migrations) / sizeof(migrations[0]),
};

static int sqlite_watch(struct store *store, const char *prefix, uint64_t from_revision,
			store_watch_fn changed, void *data, struct store_watch **ret)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	const struct watch_request request = {prefix, from_revision, changed, data};
	int r;

	pthread_mutex_lock(&sqlite->writer_lock);
	r = watch_hub_add(&sqlite->hub, &request,
			  (struct watch_range){sqlite->oldest, sqlite->revision}, ret);
	pthread_mutex_unlock(&sqlite->writer_lock);
	return r;
}

static void sqlite_unwatch(struct store *store, struct store_watch *watch)
{
	watch_hub_remove(&sqlite_of(store)->hub, watch);
}

static void free_sqlite(struct store_sqlite *sqlite)
{
	readers_done(sqlite);
	writer_done(&sqlite->writer);
	pthread_mutex_destroy(&sqlite->readers_lock);
	pthread_cond_destroy(&sqlite->led);
	pthread_mutex_destroy(&sqlite->queue_lock);
	pthread_mutex_destroy(&sqlite->writer_lock);
	free(sqlite);
}

static void free_sqlitep(struct store_sqlite **sqlite)
{
	if (*sqlite)
		free_sqlite(*sqlite);
}

static void sqlite_close(struct store *store)
{
	struct store_sqlite *sqlite = sqlite_of(store);

	watch_hub_done(&sqlite->hub);
	free_sqlite(sqlite);
}

static const struct store_ops sqlite_ops = {
	.range = sqlite_range,
	.txn = sqlite_txn,
	.watch = sqlite_watch,
	.unwatch = sqlite_unwatch,
	.trouble = sqlite_trouble,
	.probe = sqlite_probe,
	.close = sqlite_close,
};

/* The newest change is never trimmed: its number is the store's revision. */
static int load_revisions(struct store_sqlite *sqlite)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = db_prepare(sqlite->writer.db,
			   "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM changes", &stmt);

	if (r == 0)
		r = db_step(stmt);
	if (r != DB_ROW)
		return r;
	sqlite->oldest = db_column_u64(stmt, 0) / CHANGE_STRIDE;
	sqlite->revision = db_column_u64(stmt, 1) / CHANGE_STRIDE;
	if (sqlite->oldest == 0)
		sqlite->oldest = 1;
	return 0;
}

static struct store_sqlite *alloc_sqlite(void)
{
	struct store_sqlite *sqlite = calloc(1, sizeof(*sqlite));

	if (!sqlite)
		return NULL;
	sqlite->store.ops = &sqlite_ops;
	pthread_mutex_init(&sqlite->writer_lock, NULL);
	pthread_mutex_init(&sqlite->queue_lock, NULL);
	pthread_cond_init(&sqlite->led, NULL);
	pthread_mutex_init(&sqlite->readers_lock, NULL);
	return sqlite;
}

int store_open_sqlite(const char *path, struct field_error *error, struct store **ret)
{
	_cleanup_(free_sqlitep) struct store_sqlite *sqlite = alloc_sqlite();
	int r;

	if (!sqlite) {
		field_error_set(error, "", "out of memory");
		return -ENOMEM;
	}
	r = db_open(path, &store_file_schema, error, &sqlite->writer.db);
	if (r)
		return r > 0 ? STORE_E_REFUSED : r;
	r = writer_prepare(&sqlite->writer);
	if (r == 0)
		r = load_revisions(sqlite);
	if (r) {
		field_error_set(error, "", "its tables are not as expected: %s", path);
		return r > 0 ? STORE_E_REFUSED : r;
	}
	r = watch_hub_init(&sqlite->hub, &sqlite->store, sqlite_load, sqlite->revision);
	if (r) {
		field_error_set(error, "", "cannot start the store's watch thread");
		return r;
	}
	*ret = &TAKE_PTR(sqlite)->store;
	return 0;
}
