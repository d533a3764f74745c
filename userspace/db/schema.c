/* Recognises whose file it is and lifts its schema to the present version. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "db/db_priv.h"

int db_query_u64(struct db *db, const char *sql, uint64_t *ret)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = db_prepare(db, sql, &stmt);

	if (r == 0)
		r = db_step(stmt);
	if (r != DB_ROW)
		return r ? r : DB_E_CORRUPT;
	*ret = db_column_u64(stmt, 0);
	return 0;
}

int db_read_facts(struct db *db, struct db_facts *ret)
{
	uint64_t application = 0, version = 0, objects = 0;
	int r = db_query_u64(db, "PRAGMA application_id", &application);

	if (r == 0)
		r = db_query_u64(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = db_query_u64(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (r == 0)
		*ret = (struct db_facts){
			.application_id = (uint32_t)application,
			.version = (uint32_t)version,
			.empty = application == 0 && version == 0 && objects == 0,
		};
	return r;
}

/* 0 with the version of the file's schema (0: an empty file), or DB_E_NOT_OURS, DB_E_NEWER. */
static int recognise_file(struct db *db, const struct db_schema *schema, uint32_t *ret_version)
{
	struct db_facts facts;
	int r = db_read_facts(db, &facts);

	if (r)
		return r;
	if (!facts.empty && facts.application_id != schema->application_id)
		return DB_E_NOT_OURS;
	if (facts.version > schema->n_migrations)
		return DB_E_NEWER;
	*ret_version = facts.version;
	return 0;
}

int db_check_pages(struct db *db, const char *pragma)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	size_t size;
	const void *text;
	int r = db_prepare(db, pragma, &stmt);

	if (r == 0)
		r = db_step(stmt);
	if (r != DB_ROW)
		return r ? r : DB_E_CORRUPT;
	text = db_column_bytes(stmt, 0, &size);
	return text && size == 2 && memcmp(text, "ok", 2) == 0 ? 0 : DB_E_CORRUPT;
}

/* What was asked for must hold: a file system without shared memory silently keeps no WAL. */
static int set_durability(struct db *db)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	uint64_t synchronous = 0;
	const void *mode;
	size_t size;
	int r = db_prepare(db, "PRAGMA journal_mode=WAL", &stmt);

	if (r == 0)
		r = db_step(stmt);
	if (r != DB_ROW)
		return r ? r : DB_E_READ_ONLY;
	mode = db_column_bytes(stmt, 0, &size);
	if (!mode || size != 3 || memcmp(mode, "wal", 3) != 0)
		return DB_E_READ_ONLY;
	r = db_exec(db, "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=16777216");
	if (r == 0)
		r = db_query_u64(db, "PRAGMA synchronous", &synchronous);
	if (r == 0 && synchronous != 2)
		r = DB_E_READ_ONLY;
	return r;
}

static int lift_schema(struct db *db, const struct db_schema *schema, uint32_t version)
{
	char sql[96];
	int r = 0;

	if (version == schema->n_migrations)
		return 0;
	r = db_begin(db);
	for (; r == 0 && version < schema->n_migrations; version++)
		r = db_exec(db, schema->migrations[version]);
	if (r == 0) {
		snprintf(sql, sizeof(sql), "PRAGMA application_id=%u; PRAGMA user_version=%u",
			 schema->application_id, schema->n_migrations);
		r = db_exec(db, sql);
	}
	if (r == 0)
		return db_commit(db);
	db_rollback(db);
	return r;
}

int db_schema_apply(struct db *db, const struct db_schema *schema, struct field_error *error)
{
	uint32_t version;
	int r = recognise_file(db, schema, &version);

	if (r)
		return db_explain(error, db->path, r);
	r = db_check_pages(db, "PRAGMA quick_check(1)");
	if (r == 0)
		r = set_durability(db);
	if (r == 0)
		r = lift_schema(db, schema, version);
	return r ? db_explain(error, db->path, r) : 0;
}
