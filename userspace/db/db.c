/* Opens connections and runs their transactions. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/db_priv.h"

/* Readers and writers hardly meet in WAL mode; this covers recovery and a curious sqlite3 shell. */
#define BUSY_TIMEOUT_MS 5000

/* SQLite takes a file of a few bytes for an empty one and would write over it. */
int db_check_magic(int fd)
{
	static const char magic[16] = "SQLite format 3";
	char start[sizeof(magic)];
	ssize_t n = pread(fd, start, sizeof(start), 0);

	if (n < 0)
		return errno == ESPIPE || errno == EISDIR ? DB_E_NOT_OURS : -errno;
	if (n == 0)
		return 0;
	return n == sizeof(magic) && memcmp(start, magic, sizeof(magic)) == 0 ? 0 : DB_E_NOT_OURS;
}

/* Makes it if absent, and closes it again before SQLite opens it: closing a descriptor later would
 * drop SQLite's POSIX locks. */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return db_map_errno(errno);
	r = db_check_magic(fd);
	close(fd);
	return r;
}

/* Without it a power cut could take the names of the new files, and with them what they hold. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name;
	int fd, r = 0;

	/* "/file" lies in "/", "file" in ".". */
	name = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!name)
		return -ENOMEM;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(name);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int db_open_raw(struct db *db, int flags)
{
	int code = sqlite3_open_v2(db->path, &db->raw,
				   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (code != SQLITE_OK)
		return db->raw ? db_map_code(db->raw, code) : -ENOMEM;
	sqlite3_busy_timeout(db->raw, BUSY_TIMEOUT_MS);
	/* Schemas come from the file: it may not call anything with side effects. */
	return db_exec(db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
}

int db_alloc(const char *path, struct db **ret)
{
	struct db *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	db->lock_fd = -1;
	db->path = strdup(path);
	if (!db->path || asprintf(&db->log_path, "%s-wal", path) < 0) {
		/* What asprintf() leaves there is not said. */
		db->log_path = NULL;
		db_close(db);
		return -ENOMEM;
	}
	*ret = db;
	return 0;
}

static int note_place(struct db *db)
{
	struct stat info;

	if (stat(db->path, &info))
		return -errno;
	db->device = info.st_dev;
	db->inode = info.st_ino;
	return 0;
}

/* Commits go to the log: one that was removed alone takes them with it, too. */
static bool is_in_place(const struct db *db)
{
	struct stat info;

	return !db->inode || (stat(db->path, &info) == 0 && info.st_dev == db->device &&
			      info.st_ino == db->inode && access(db->log_path, F_OK) == 0);
}

int db_open(const char *path, const struct db_schema *schema, struct field_error *error,
	    struct db **ret)
{
	_cleanup_db_ struct db *db = NULL;
	int r = db_alloc(path, &db);

	if (r)
		return db_explain(error, path, r);
	r = db_lock_take(path, error, &db->lock_fd);
	if (r)
		return r;
	r = make_file(path);
	if (r == 0)
		r = db_open_raw(db, SQLITE_OPEN_READWRITE);
	if (r)
		return db_explain(error, path, r);
	r = db_schema_apply(db, schema, error);
	if (r)
		return r;
	r = sync_directory(path);
	if (r == 0)
		r = note_place(db);
	if (r)
		return db_explain(error, path, r);
	*ret = TAKE_PTR(db);
	return 0;
}

int db_open_reader(const struct db *db, struct db **ret)
{
	_cleanup_db_ struct db *reader = NULL;
	int r = is_in_place(db) ? db_alloc(db->path, &reader) : DB_E_GONE;

	if (r == 0)
		r = db_open_raw(reader, SQLITE_OPEN_READWRITE);
	if (r == 0)
		r = db_exec(reader, "PRAGMA query_only=ON");
	if (r)
		return r;
	*ret = TAKE_PTR(reader);
	return 0;
}

void db_close(struct db *db)
{
	int code;

	if (!db)
		return;
	code = sqlite3_close(db->raw);
	assert(code == SQLITE_OK); /* else a statement was not finalized */
	(void)code;
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	free(db->log_path);
	free(db->path);
	free(db);
}

int db_exec(struct db *db, const char *sql)
{
	return db_map_code(db->raw, sqlite3_exec(db->raw, sql, NULL, NULL, NULL));
}

int db_begin(struct db *db)
{
	return db_exec(db, "BEGIN IMMEDIATE");
}

int db_begin_read(struct db *db)
{
	return db_exec(db, "BEGIN");
}

int db_commit(struct db *db)
{
	int r = is_in_place(db) ? db_exec(db, "COMMIT") : DB_E_GONE;

	if (r)
		db_rollback(db);
	return r;
}

int db_probe(struct db *db)
{
	uint64_t version = 0;
	char sql[48];
	int r = db_begin(db);

	if (r == 0)
		r = db_query_u64(db, "PRAGMA user_version", &version);
	/* SQLite writes the page that holds the number, whether or not it is the same. */
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%u", (unsigned int)version);
	if (r == 0)
		r = db_exec(db, sql);
	if (r == 0)
		return db_commit(db);
	db_rollback(db);
	return r;
}

void db_rollback(struct db *db)
{
	/* SQLite rolls back by itself after some errors; a second ROLLBACK would be one. */
	if (!sqlite3_get_autocommit(db->raw))
		(void)sqlite3_exec(db->raw, "ROLLBACK", NULL, NULL, NULL);
}
