/* Copies a database as of one moment, and looks at one, while others may write it. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "db/db_priv.h"

/*
 * Closes it before SQLite opens it, as make_file() does and for the same reason. A pipe is none of
 * ours, and nobody who looks waits for its other end.
 */
static int check_readable(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r;

	if (fd < 0)
		return errno == EACCES || errno == EPERM ? -EACCES : -errno;
	r = db_check_magic(fd);
	close(fd);
	return r;
}

/*
 * In WAL mode a reader takes part in the shared memory beside the file, so SQLite must be able to write
 * that, though never the file. Where it cannot and nobody else has the log open, SQLite says so.
 */
static int open_to_read(const char *path, struct db **ret)
{
	_cleanup_db_ struct db *db = NULL;
	int r = check_readable(path);

	if (r == 0)
		r = db_alloc(path, &db);
	if (r == 0)
		r = db_open_raw(db, SQLITE_OPEN_READONLY);
	if (r == 0)
		*ret = TAKE_PTR(db);
	return r;
}

static int make_new(const char *path, struct db **ret)
{
	_cleanup_db_ struct db *db = NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return db_map_errno(errno);
	close(fd);
	r = db_alloc(path, &db);
	if (r == 0)
		r = db_open_raw(db, SQLITE_OPEN_READWRITE);
	/* Whoever wants it on disk syncs it where it ends up. */
	if (r == 0)
		r = db_exec(db, "PRAGMA synchronous=OFF");
	if (r == 0)
		*ret = TAKE_PTR(db);
	return r;
}

/* All pages within one read transaction: a copy in steps would begin anew at every commit. */
static int copy_pages(struct db *from, struct db *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->raw, "main", from->raw, "main");
	int code;

	if (!backup)
		return db_map_code(to->raw, sqlite3_extended_errcode(to->raw));
	code = sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	/* The code of a failed read is that of the source, whose errno it keeps. */
	return db_map_code(code == SQLITE_FULL ? to->raw : from->raw, code);
}

static bool is_about_target(int r)
{
	return r == DB_E_FULL || r == DB_E_UNSYNCED;
}

int db_copy(const char *path, const char *to, struct field_error *error, struct db_facts *ret)
{
	_cleanup_db_ struct db *from = NULL;
	_cleanup_db_ struct db *copy = NULL;
	int r = open_to_read(path, &from);

	if (r)
		return db_explain_reading(error, path, r);
	r = make_new(to, &copy);
	if (r)
		return db_explain(error, to, r);
	assert(copy);
	r = copy_pages(from, copy);
	if (r)
		return is_about_target(r) ? db_explain(error, to, r) :
					    db_explain_reading(error, path, r);
	r = db_check_pages(copy, "PRAGMA integrity_check(1)");
	if (r == 0)
		r = db_read_facts(copy, ret);
	return r ? db_explain_reading(error, path, r) : 0;
}

int db_look(const char *path, struct field_error *error, struct db_facts *ret)
{
	_cleanup_db_ struct db *db = NULL;
	int r = open_to_read(path, &db);

	if (r == 0)
		r = db_check_pages(db, "PRAGMA quick_check(1)");
	if (r == 0)
		r = db_read_facts(db, ret);
	return r ? db_explain_reading(error, path, r) : 0;
}
