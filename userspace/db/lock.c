/* Keeps a second process away from a file, and never outlives the process that holds it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "db/db_priv.h"

static void free_text(char **text)
{
	free(*text);
}

/* The holder wrote its pid there; it is only for the sentence, the kernel's lock decides. */
static int refuse_second(int fd, const char *path, struct field_error *error)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	field_error_set(error, "",
			"in use by another process (pid %s); stop it or choose another data "
			"directory: %s",
			pid[0] ? pid : "unknown", path);
	return DB_E_BUSY;
}

static void write_pid(int fd)
{
	char pid[16];
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	/* On a full disk the sentence lacks a number, nothing more. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) < 0)
		return;
}

int db_lock_holder(const char *path, uint32_t *ret_pid)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_(free_text) char *name = NULL;
	char pid[16] = "";
	int fd, err = 0;

	*ret_pid = 0;
	if (asprintf(&name, "%s-lock", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fcntl(fd, F_OFD_GETLK, &whole) < 0)
		err = -errno;
	else if (whole.l_type != F_UNLCK && pread(fd, pid, sizeof(pid) - 1, 0) > 0)
		*ret_pid = (uint32_t)strtoul(pid, NULL, 10);
	close(fd);
	return err;
}

/* As SQLite does with its files: root must not lock out whom the database belongs to. */
static void give_to_owner(int fd, const char *path)
{
	struct stat info;

	if (geteuid() == 0 && stat(path, &info) == 0 && fchown(fd, info.st_uid, info.st_gid) != 0)
		return;
}

/*
 * What it opens may be given away and is written to, by root too: whoever owns the directory must not
 * choose another file for that by a link.
 */
static int open_lock(const char *name, int *ret_fd, struct field_error *error)
{
	int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat info;

	if (fd < 0 && errno != ELOOP)
		return db_explain(error, name, db_map_errno(errno));
	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1) {
		*ret_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	field_error_set(error, "", "a link, or no plain file; remove it: %s", name);
	return DB_E_READ_ONLY;
}

/*
 * An open file description lock in a file of its own: the kernel drops it with the process however
 * that ends; it also keeps out a second opener in the same process; and closing some other
 * descriptor of the database cannot drop it, as would happen to a POSIX lock.
 */
int db_lock_take(const char *path, struct field_error *error, int *ret_fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_(free_text) char *name = NULL;
	int fd = -1, r;

	if (asprintf(&name, "%s-lock", path) < 0) {
		name = NULL;
		return db_explain(error, path, -ENOMEM);
	}
	r = open_lock(name, &fd, error);
	if (r)
		return r;
	give_to_owner(fd, path);
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
		write_pid(fd);
		*ret_fd = fd;
		return 0;
	}
	if (errno == EAGAIN || errno == EACCES)
		r = refuse_second(fd, path, error);
	else
		r = db_explain(error, path, db_map_errno(errno));
	close(fd);
	return r;
}
