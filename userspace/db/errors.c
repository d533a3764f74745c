/* SQLite's result codes as the few outcomes that callers tell apart, and as sentences. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "db/db_priv.h"

int db_map_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return DB_E_FULL;
	case EROFS:
	case EPERM:
	case EACCES:
		return DB_E_READ_ONLY;
	default:
		return error > 0 ? -error : -EIO;
	}
}

static int map_io(sqlite3 *raw, int code)
{
	switch (code) {
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	case SQLITE_IOERR_FSYNC:
	case SQLITE_IOERR_DIR_FSYNC:
		return DB_E_UNSYNCED;
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_TRUNCATE:
	case SQLITE_IOERR_SHMSIZE:
		/* Quota, file size limit, a failing disk: which one, SQLite has mostly forgotten. */
		return sqlite3_system_errno(raw) == EROFS ? DB_E_READ_ONLY : DB_E_FULL;
	default:
		return -EIO;
	}
}

int db_map_code(sqlite3 *raw, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_ROW:
		return DB_ROW;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DB_E_BUSY;
	case SQLITE_READONLY:
		return DB_E_READ_ONLY;
	case SQLITE_FULL:
		return DB_E_FULL;
	case SQLITE_CORRUPT:
		return DB_E_CORRUPT;
	case SQLITE_NOTADB:
		return DB_E_NOT_OURS;
	case SQLITE_CONSTRAINT:
		return DB_E_EXISTS;
	case SQLITE_IOERR:
		return map_io(raw, code);
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return db_map_errno(sqlite3_system_errno(raw));
	case SQLITE_PERM:
		return DB_E_READ_ONLY;
	case SQLITE_TOOBIG:
		return -E2BIG;
	default:
		return -EINVAL;
	}
}

static const char *find_sentence(int result)
{
	switch (result) {
	case DB_E_BUSY:
		return "another program holds it open for writing; stop that one first";
	case DB_E_READ_ONLY:
		return "cannot be written; check the owner, the mode and the mount of its directory";
	case DB_E_FULL:
		return "the disk is full or takes no writes; free some space or look at its errors";
	case DB_E_CORRUPT:
		return "the file is damaged; put back a backup or move it away to start empty";
	case DB_E_NOT_OURS:
		return "not a file of Sluice's; move it away or choose another data directory";
	case DB_E_NEWER:
		return "written by a newer Sluice; run that version or put back a backup";
	case DB_E_GONE:
		return "it was removed or replaced while in use; put it back, or restart on a backup";
	case -ENOENT:
	case -ENOTDIR:
		return "its directory does not exist";
	case DB_E_UNSYNCED:
	case -EIO:
		return "the disk reports errors";
	default:
		return NULL;
	}
}

const char *db_sentence(int result)
{
	const char *sentence = find_sentence(result);

	if (sentence)
		return sentence;
	return result < 0 ? strerrordesc_np(-result) ?: "an unknown fault" :
			    "unexpected answer from SQLite";
}

int db_explain_reading(struct field_error *error, const char *path, int result)
{
	if (result == -EACCES || result == DB_E_READ_ONLY)
		field_error_set(error, "", "cannot be read with the rights of this user: %s", path);
	else if (result == -ENOENT)
		field_error_set(error, "", "there is no such file: %s", path);
	else
		db_explain(error, path, result);
	return result;
}

int db_explain(struct field_error *error, const char *path, int result)
{
	/* The path comes last, since a long one is cut. */
	field_error_set(error, "", "%s: %s", db_sentence(result), path);
	return result;
}
