/* The data directory: made private, and files in it replaced whole. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/data_dir.h"
#include "base/fd.h"

int data_dir_prepare(const char *path, struct field_error *error)
{
	struct stat info;
	int err = 0;

	if ((mkdir(path, 0700) && errno != EEXIST) || stat(path, &info) ||
	    access(path, R_OK | W_OK | X_OK))
		err = errno;
	else if (!S_ISDIR(info.st_mode))
		err = ENOTDIR;
	if (!err)
		return 0;
	field_error_set(error, "--data", "cannot use %s: %s", path, strerror(err));
	return DATA_DIR_E_UNUSABLE;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* What root writes for a server that runs as somebody else, that server must be able to read. */
static int give_to_owner(int dir_fd, int fd)
{
	struct stat dir;

	if (geteuid() != 0)
		return 0;
	return fstat(dir_fd, &dir) || fchown(fd, dir.st_uid, dir.st_gid) ? -errno : 0;
}

static int write_new_file(int dir_fd, const char *name, const void *bytes, size_t len)
{
	_cleanup_fd_ int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = give_to_owner(dir_fd, fd);
	if (!err)
		err = write_all(fd, bytes, len);
	if (!err && (fchmod(fd, 0600) || fsync(fd)))
		err = -errno;
	return err;
}

int data_dir_write(const char *path, const char *name, const void *bytes, size_t len)
{
	_cleanup_fd_ int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char fresh[NAME_MAX + 1];
	int err;

	if (dir_fd < 0)
		return -errno;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	if (unlinkat(dir_fd, fresh, 0) && errno != ENOENT)
		return -errno;
	err = write_new_file(dir_fd, fresh, bytes, len);
	if (!err && renameat(dir_fd, fresh, dir_fd, name))
		err = -errno;
	if (err)
		unlinkat(dir_fd, fresh, 0);
	else if (fsync(dir_fd))
		err = -errno;
	return err;
}
