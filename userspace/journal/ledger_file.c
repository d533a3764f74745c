/* The ledger in an SQLite file: opens it, and keeps audit entries there. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/ledger_file_priv.h"

static const char *const migrations[] = {
	"CREATE TABLE audit ("
	"	id TEXT NOT NULL PRIMARY KEY,"
	"	time_ms INTEGER NOT NULL,"
	"	tenant TEXT NOT NULL,"
	"	actor TEXT NOT NULL,"
	"	actor_name TEXT NOT NULL,"
	"	peer TEXT NOT NULL,"
	"	request_id TEXT NOT NULL,"
	"	action TEXT NOT NULL,"
	"	object TEXT NOT NULL,"
	"	revision INTEGER NOT NULL,"
	"	change TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX audit_tenant ON audit (tenant, id);"
	"CREATE INDEX audit_object ON audit (tenant, object, id);"
	"CREATE INDEX audit_actor ON audit (tenant, actor, id);"
	"CREATE TABLE usage ("
	"	tenant TEXT NOT NULL,"
	"	hour INTEGER NOT NULL," /* since the unix epoch */
	"	allowed INTEGER NOT NULL,"
	"	denied INTEGER NOT NULL,"
	"	tokens INTEGER NOT NULL,"
	"	refunded INTEGER NOT NULL,"
	"	PRIMARY KEY (tenant, hour)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX usage_hour ON usage (hour);"
	/* What was added last: one row. */
	"CREATE TABLE runs ("
	"	one INTEGER PRIMARY KEY CHECK (one = 1),"
	"	run TEXT NOT NULL,"
	"	number INTEGER NOT NULL"
	") STRICT",
};

const struct db_schema ledger_file_schema = {
	.application_id = 0x534c4c47, /* "SLLG": Sluice, ledger */
	.migrations = migrations,
	.n_migrations = sizeof(migrations) / sizeof(migrations[0]),
};

static int outcome_of(int r)
{
	switch (r) {
	case DB_E_BUSY:
	case DB_E_READ_ONLY:
	case DB_E_FULL:
		return LEDGER_E_REFUSED;
	case DB_E_CORRUPT:
	case DB_E_NOT_OURS:
		return LEDGER_E_DAMAGED;
	case DB_E_NEWER:
		return LEDGER_E_NEWER;
	default:
		return r > 0 ? -EIO : r;
	}
}

int ledger_file_fail(struct ledger_file *file, int r, struct field_error *error)
{
	if (r)
		db_explain(error, file->path, r);
	return outcome_of(r);
}

static void close_file(struct ledger *ledger)
{
	struct ledger_file *file = ledger_file_of(ledger);

	db_finalize(TAKE_PTR(file->add_entry));
	db_finalize(TAKE_PTR(file->get_run));
	db_finalize(TAKE_PTR(file->put_run));
	db_finalize(TAKE_PTR(file->get_hour));
	db_finalize(TAKE_PTR(file->put_hour));
	db_close(TAKE_PTR(file->db));
}

static int prepare(struct ledger_file *file)
{
	const struct {
		struct db_stmt **stmt;
		const char *sql;
	} all[] = {
		{&file->add_entry,
		 "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		 " ON CONFLICT DO NOTHING"},
		{&file->get_run, "SELECT number FROM runs WHERE run = ?1"},
		{&file->put_run, "INSERT OR REPLACE INTO runs VALUES (1, ?1, ?2)"},
		{&file->get_hour, "SELECT allowed, denied, tokens, refunded FROM usage"
				  " WHERE tenant = ?1 AND hour = ?2"},
		{&file->put_hour, "INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && r == 0; i++)
		r = db_prepare(file->db, all[i].sql, all[i].stmt);
	return r;
}

static int try_open(struct ledger_file *file, struct field_error *error)
{
	int r = db_open(file->path, &ledger_file_schema, error, &file->db);

	if (r)
		return outcome_of(r);
	r = prepare(file);
	if (r == 0)
		return 0;
	/* Ours by its marks, but its tables are others. */
	r = ledger_file_fail(file, r == -EINVAL ? DB_E_CORRUPT : r, error);
	close_file(&file->ledger);
	return r;
}

static int open_file(struct ledger *ledger, struct field_error *error, struct field_error *aside)
{
	struct ledger_file *file = ledger_file_of(ledger);
	int r = try_open(file, error);

	if (r != LEDGER_E_DAMAGED)
		return r;
	r = ledger_file_set_aside(file->path, error, aside);
	return r ? r : try_open(file, error);
}

static int add_entry(struct db_stmt *stmt, const struct ledger_entry *entry)
{
	db_bind_text(stmt, 1, entry->id);
	db_bind_u64(stmt, 2, entry->time_ms);
	db_bind_text(stmt, 3, entry->tenant);
	db_bind_text(stmt, 4, entry->actor);
	db_bind_text(stmt, 5, entry->actor_name);
	db_bind_text(stmt, 6, entry->peer);
	db_bind_text(stmt, 7, entry->request_id);
	db_bind_text(stmt, 8, entry->action);
	db_bind_text(stmt, 9, entry->object);
	db_bind_u64(stmt, 10, entry->revision);
	db_bind_text_of(stmt, 11, entry->change, entry->change_len);
	return db_run(stmt);
}

static int add_entries(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
		       struct field_error *error)
{
	struct ledger_file *file = ledger_file_of(ledger);
	int r = db_begin(file->db);

	for (size_t i = 0; i < n && r == 0; i++)
		r = add_entry(file->add_entry, &entries[i]);
	if (r == 0)
		r = db_commit(file->db);
	else
		db_rollback(file->db);
	return ledger_file_fail(file, r, error);
}

/* There are few changes of one object, so its index is the one to take; the plus says so. */
static const char *actor_term(const struct ledger_search *search)
{
	if (!search->actor)
		return "";
	return search->object ? " AND +actor = ?4" : " AND actor = ?4";
}

static int prepare_search(struct ledger_file *file, const struct ledger_search *search,
			  struct db_stmt **ret)
{
	char sql[256];
	int r;

	snprintf(sql, sizeof(sql),
		 "SELECT * FROM audit WHERE tenant = ?1 AND id < ?2%s%s ORDER BY id DESC",
		 search->object ? " AND object = ?3" : "", actor_term(search));
	r = db_prepare(file->db, sql, ret);
	if (r)
		return r;
	db_bind_text(*ret, 1, search->tenant);
	db_bind_text(*ret, 2, search->before ? search->before : "aud`"); /* after all of "aud_" */
	if (search->object)
		db_bind_text(*ret, 3, search->object);
	if (search->actor)
		db_bind_text(*ret, 4, search->actor);
	return 0;
}

static struct ledger_entry read_entry(struct db_stmt *stmt)
{
	struct ledger_entry entry = {
		.id = db_column_text(stmt, 0),
		.time_ms = db_column_u64(stmt, 1),
		.tenant = db_column_text(stmt, 2),
		.actor = db_column_text(stmt, 3),
		.actor_name = db_column_text(stmt, 4),
		.peer = db_column_text(stmt, 5),
		.request_id = db_column_text(stmt, 6),
		.action = db_column_text(stmt, 7),
		.object = db_column_text(stmt, 8),
		.revision = db_column_u64(stmt, 9),
		.change = db_column_text(stmt, 10),
	};

	entry.change_len = strlen(entry.change);
	return entry;
}

static int each_entry(struct ledger *ledger, const struct ledger_search *search,
		      ledger_entry_fn *visit, void *data, struct field_error *error)
{
	struct ledger_file *file = ledger_file_of(ledger);
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = prepare_search(file, search, &stmt);

	while (r == 0 && (r = db_step(stmt)) == DB_ROW) {
		struct ledger_entry entry = read_entry(stmt);

		/* Ids sort by time: all that follow are older still. */
		if (entry.time_ms < search->since_ms)
			return 0;
		r = visit(&entry, data);
		if (r)
			return r;
	}
	return ledger_file_fail(file, r, error);
}

static void free_file(struct ledger *ledger)
{
	free(ledger_file_of(ledger)->path);
	free(ledger);
}

static const struct ledger_ops file_ops = {
	.open = open_file,
	.close = close_file,
	.add_entries = add_entries,
	.each_entry = each_entry,
	.add_usage = ledger_file_add_usage,
	.each_hour = ledger_file_each_hour,
	.prune = ledger_file_prune,
	.free = free_file,
};

int ledger_new_file(const char *path, struct ledger **ret)
{
	struct ledger_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	if (!file->path) {
		free(file);
		return -ENOMEM;
	}
	ledger_init(&file->ledger, &file_ops);
	*ret = &file->ledger;
	return 0;
}
