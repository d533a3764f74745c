/* Puts a damaged ledger where nothing overwrites it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/ledger_file_priv.h"

enum { ASIDE_MAX = 99 };

static int move(const char *path, const char *end, const char *to)
{
	char from[PATH_MAX], dest[PATH_MAX];

	if (snprintf(from, sizeof(from), "%s%s", path, end) >= (int)sizeof(from) ||
	    snprintf(dest, sizeof(dest), "%s%s", to, end) >= (int)sizeof(dest))
		return -ENAMETOOLONG;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, dest, RENAME_NOREPLACE) == 0)
		return 0;
	return -errno;
}

/*
 * The log goes first: over a new file, SQLite would carry out what it says. A kill in between leaves
 * a damaged file without its log, which goes the same way at the next start.
 */
static int move_both(const char *path, const char *to)
{
	struct stat there;
	int r;

	if (lstat(to, &there) == 0)
		return -EEXIST;
	r = move(path, "-wal", to);
	if (r == 0 || r == -ENOENT)
		r = move(path, "", to);
	return r;
}

int ledger_file_set_aside(const char *path, struct field_error *error, struct field_error *aside)
{
	char to[PATH_MAX], shared[PATH_MAX];
	int r = -EEXIST;

	for (int i = 1; i <= ASIDE_MAX && r == -EEXIST; i++) {
		snprintf(to, sizeof(to), "%s.refused-%d", path, i);
		r = move_both(path, to);
	}
	if (r) {
		field_error_set(error, "", "it is damaged, and cannot be renamed (%s): %s",
				strerror(-r), path);
		return r;
	}
	snprintf(shared, sizeof(shared), "%s-shm", path);
	unlink(shared);
	field_error_set(aside, "", "the ledger was damaged, a new one is begun; it is kept as %s",
			to);
	return 0;
}
