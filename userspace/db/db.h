/* The one place that talks to SQLite: opens files, runs statements, maps its errors. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/field_error.h"

/*
 * Results of every int function here: 0 done, -errno fault, DB_ROW, or an expected outcome. No
 * outcome but DB_E_UNSYNCED leaves anything written.
 */
enum {
	DB_ROW = 1,         /* db_step: a row stands ready */
	DB_E_BUSY = 2,      /* somebody else holds the file's lock */
	DB_E_READ_ONLY = 3, /* file, directory or mount cannot be written */
	DB_E_FULL = 4,      /* disk, quota or file size limit; or a write failed */
	DB_E_CORRUPT = 5,   /* the file is damaged */
	DB_E_NOT_OURS = 6,  /* no SQLite file, or another application's */
	DB_E_NEWER = 7,     /* its schema was written by a newer version */
	DB_E_EXISTS = 8,    /* a constraint of the schema */
	DB_E_GONE = 10,     /* the file was removed, moved or replaced while it was open */
	DB_E_UNSYNCED = 9,  /* the disk failed to sync: what was committed may or may not stay */
};

/* What a file must be. The number of migrations is the version of the schema (user_version). */
struct db_schema {
	uint32_t application_id;
	const char *const *migrations; /* SQL; migrations[i] lifts version i to i + 1 */
	unsigned int n_migrations;
};

/*
 * A connection. One thread at a time uses it and its statements; the caller sees to that. The
 * first connection to a file holds `<path>-lock` locked until it is closed or its process ends, so
 * that no second one opens it; readers are opened through it and closed before it.
 */
struct db;
struct db_stmt;

/*
 * Opens or makes (mode 0600) the file and lifts its schema. WAL, synchronous=FULL: db_commit()
 * returns 0 only when the disk has it. The file's pages are checked; the directory is synced.
 * On failure *error is a sentence for the operator, with what to do.
 */
int db_open(const char *path, const struct db_schema *schema, struct field_error *error,
	    struct db **ret);
/* What a file is, as it says itself. */
struct db_facts {
	uint32_t application_id;
	uint32_t version; /* of the schema */
	bool empty;       /* made, but nothing in it yet: its owner is about to */
};
/*
 * Copies the database at `path`, as of one moment, into the new file `to` (mode 0600) and checks
 * every page and index of the copy. Neither waits for a writer of `path`, in this or another
 * process, nor holds one up, and takes no lock that keeps one out. `to` is not synced; on failure
 * it may hold anything. 0, -ENOENT (no such file), DB_E_*, -errno, each with *error.
 */
int db_copy(const char *path, const char *to, struct field_error *error, struct db_facts *ret);
/* The same facts of the file as it stands, without copying it: 0, -ENOENT, DB_E_*, -errno. */
int db_look(const char *path, struct field_error *error, struct db_facts *ret);
/* Who holds the file: *ret_pid is what a holder wrote of itself, 0 when none holds it. 0 or -errno. */
int db_lock_holder(const char *path, uint32_t *ret_pid);
/* One more connection to the same file that only reads: its transactions are snapshots. */
int db_open_reader(const struct db *db, struct db **ret);
/* NULL is fine. All statements must be finalized, all readers closed. */
void db_close(struct db *db);

/* Runs statements that answer no rows. */
int db_exec(struct db *db, const char *sql);
/* Takes the write lock at once, so that what is read inside stays true until the commit. */
int db_begin(struct db *db);
/* A snapshot: it starts with the first statement after it. */
int db_begin_read(struct db *db);
/*
 * On any result but 0 the transaction is rolled back. A file whose name is gone takes no commit: nobody
 * would find it again.
 */
int db_commit(struct db *db);
/* A result in words for the operator; static. */
const char *db_sentence(int result);
/* Writes what is there already, in a transaction of its own: whether writes succeed. */
int db_probe(struct db *db);
/* Fine when no transaction is open. */
void db_rollback(struct db *db);

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret);
/* NULL is fine. */
void db_finalize(struct db_stmt *stmt);

/*
 * Parameters count from 1. Bytes are borrowed until db_reset(). A failed bind is reported by the
 * next db_step().
 */
void db_bind_u64(struct db_stmt *stmt, int index, uint64_t value); /* below 2^63 */
void db_bind_bytes(struct db_stmt *stmt, int index, const void *bytes, size_t size);
void db_bind_text(struct db_stmt *stmt, int index, const char *text);
/* The same of `len` bytes. */
void db_bind_text_of(struct db_stmt *stmt, int index, const char *text, size_t len);
void db_bind_null(struct db_stmt *stmt, int index);

/* DB_ROW, 0 at the end. Anything but DB_ROW also resets the statement. */
int db_step(struct db_stmt *stmt);
/* Ends the statement and forgets what was bound. */
void db_reset(struct db_stmt *stmt);
/* For statements without rows: steps and resets. */
int db_run(struct db_stmt *stmt);

/* Columns count from 0; bytes are borrowed until the next step or reset. */
uint64_t db_column_u64(struct db_stmt *stmt, int column);
/* NULL only for SQL's NULL; empty bytes are not NULL. */
const void *db_column_bytes(struct db_stmt *stmt, int column, size_t *ret_size);
/* NUL-terminated; "" for SQL's NULL. */
const char *db_column_text(struct db_stmt *stmt, int column);

/* Says `result` in words for the operator, ending in the path; returns it. */
int db_explain(struct field_error *error, const char *path, int result);

static inline void db_closep(struct db **db)
{
	db_close(*db);
}

static inline void db_finalizep(struct db_stmt **stmt)
{
	db_finalize(*stmt);
}
#define _cleanup_db_      _cleanup_(db_closep)
#define _cleanup_db_stmt_ _cleanup_(db_finalizep)
