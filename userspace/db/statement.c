/* Prepared statements: bind, step, read columns. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "db/db_priv.h"

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret)
{
	struct db_stmt *stmt = calloc(1, sizeof(*stmt));
	int code;

	if (!stmt)
		return -ENOMEM;
	code = sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->raw, NULL);
	if (code != SQLITE_OK) {
		free(stmt);
		return db_map_code(db->raw, code);
	}
	*ret = stmt;
	return 0;
}

void db_finalize(struct db_stmt *stmt)
{
	if (!stmt)
		return;
	sqlite3_finalize(stmt->raw);
	free(stmt);
}

static void keep_code(struct db_stmt *stmt, int code)
{
	if (stmt->bind_code == SQLITE_OK)
		stmt->bind_code = code;
}

void db_bind_u64(struct db_stmt *stmt, int index, uint64_t value)
{
	assert(value <= INT64_MAX);
	keep_code(stmt, sqlite3_bind_int64(stmt->raw, index, (sqlite3_int64)value));
}

void db_bind_bytes(struct db_stmt *stmt, int index, const void *bytes, size_t size)
{
	/* A null pointer would bind NULL, which is not the empty value. */
	keep_code(stmt,
		  sqlite3_bind_blob64(stmt->raw, index, size ? bytes : "", size, SQLITE_STATIC));
}

void db_bind_text(struct db_stmt *stmt, int index, const char *text)
{
	keep_code(stmt, sqlite3_bind_text(stmt->raw, index, text, -1, SQLITE_STATIC));
}

void db_bind_text_of(struct db_stmt *stmt, int index, const char *text, size_t len)
{
	keep_code(stmt,
		  sqlite3_bind_text64(stmt->raw, index, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_null(struct db_stmt *stmt, int index)
{
	keep_code(stmt, sqlite3_bind_null(stmt->raw, index));
}

int db_step(struct db_stmt *stmt)
{
	sqlite3 *raw = sqlite3_db_handle(stmt->raw);
	int code = stmt->bind_code, r;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt->raw);
	r = db_map_code(raw, code);
	if (r != DB_ROW)
		db_reset(stmt);
	return r;
}

void db_reset(struct db_stmt *stmt)
{
	/* It repeats the error that the step already returned. */
	(void)sqlite3_reset(stmt->raw);
	(void)sqlite3_clear_bindings(stmt->raw);
	stmt->bind_code = SQLITE_OK;
}

int db_run(struct db_stmt *stmt)
{
	int r = db_step(stmt);

	if (r == DB_ROW)
		db_reset(stmt);
	return r == DB_ROW ? -EINVAL : r;
}

uint64_t db_column_u64(struct db_stmt *stmt, int column)
{
	return (uint64_t)sqlite3_column_int64(stmt->raw, column);
}

const void *db_column_bytes(struct db_stmt *stmt, int column, size_t *ret_size)
{
	const void *bytes;

	*ret_size = 0;
	if (sqlite3_column_type(stmt->raw, column) == SQLITE_NULL)
		return NULL;
	bytes = sqlite3_column_blob(stmt->raw, column);
	*ret_size = (size_t)sqlite3_column_bytes(stmt->raw, column);
	return bytes ? bytes : "";
}

const char *db_column_text(struct db_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt->raw, column);

	return text ? text : "";
}
