/* What the files of db/ share: the connection, the statement, the mapping of errors, the lock. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include <sqlite3.h>

#include "db/db.h"

struct db {
	sqlite3 *raw;
	char *path;
	char *log_path;
	int lock_fd;  /* -1 in readers */
	dev_t device; /* of the file as it was opened; 0: not looked at */
	ino_t inode;
};

struct db_stmt {
	sqlite3_stmt *raw;
	int bind_code; /* SQLite's first refusal of a bind since the last reset */
};

/* A result of db.h for SQLite's latest (extended) code on `raw`. */
int db_map_code(sqlite3 *raw, int code);

/* The same for a system call's errno. */
int db_map_errno(int error);

/* A connection that is not open yet. 0 or -ENOMEM. */
int db_alloc(const char *path, struct db **ret);
/* Opens it; flags are SQLite's. 0 or a result of db.h. */
int db_open_raw(struct db *db, int flags);
/* 0, also for an empty file; DB_E_NOT_OURS when the bytes are not SQLite's; -errno. */
int db_check_magic(int fd);
/* The first number of the first row. */
int db_query_u64(struct db *db, const char *sql, uint64_t *ret);
/* What the file says of itself: 0 or a result of db.h. */
int db_read_facts(struct db *db, struct db_facts *ret);
/* Runs a pragma that answers "ok" when all is well: 0 or DB_E_CORRUPT. */
int db_check_pages(struct db *db, const char *pragma);

/* Locks `<path>-lock` for as long as *ret_fd is open. 0, DB_E_*, -errno, each with *error. */
int db_lock_take(const char *path, struct field_error *error, int *ret_fd);

/* Brings the open file to the schema, or says in *error why it cannot. */
int db_schema_apply(struct db *db, const struct db_schema *schema, struct field_error *error);

/* What db_explain() does, about a file that is only read. */
int db_explain_reading(struct field_error *error, const char *path, int result);
