/* A disk that loses what was not synced, fails to sync, or is slow. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit/store/disk.h"
#include "unit/store/fixture.h"

atomic_int disk_syncs, disk_dir_syncs;
atomic_bool disk_failing;
long disk_delay_ns;
static char live[256], safe[256];

static void copy_file(int from, const char *to)
{
	char bytes[65536];
	off_t at = 0;
	ssize_t n;
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while ((n = pread(from, bytes, sizeof(bytes), at)) > 0) {
		assert_int_equal(pwrite(fd, bytes, (size_t)n, at), n);
		at += n;
	}
	close(fd);
}

static void keep_synced(int fd)
{
	char link[64], name[256], to[600];
	struct stat st;
	ssize_t n;

	if (!live[0])
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	assert_true(n > 0);
	name[n] = '\0';
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		disk_dir_syncs++;
		return;
	}
	if (strncmp(name, live, strlen(live)) != 0)
		return;
	snprintf(to, sizeof(to), "%s%s", safe, name + strlen(live));
	copy_file(fd, to);
}

static int sync_fd(int fd, long call)
{
	struct timespec pause = {.tv_nsec = disk_delay_ns};

	disk_syncs++;
	if (disk_failing) {
		errno = EIO;
		return -1;
	}
	if (disk_delay_ns)
		nanosleep(&pause, NULL);
	keep_synced(fd);
	return (int)syscall(call, fd);
}

int fsync(int fd)
{
	return sync_fd(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_fd(fd, SYS_fdatasync);
}

static char *name_of(const char *database, const char *end)
{
	char *name = NULL;

	assert_true(asprintf(&name, "%s%s", database, end) > 0);
	return name;
}

struct disk *disk_new(const char *database)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	disk->live = dir_make(true);
	disk->safe = dir_make(true);
	disk->cut = dir_make(true);
	disk->path = path_in(disk->live, database);
	disk->cut_path = path_in(disk->cut, database);
	snprintf(safe, sizeof(safe), "%s", disk->safe);
	disk_watch(disk, true);
	disk_failing = false;
	disk_delay_ns = 0;
	return disk;
}

void disk_free(struct disk *disk)
{
	live[0] = '\0';
	dir_remove(disk->live);
	dir_remove(disk->safe);
	dir_remove(disk->cut);
	free(disk->path);
	free(disk->cut_path);
	free(disk);
}

void disk_watch(const struct disk *disk, bool keep)
{
	snprintf(live, sizeof(live), "%s", keep ? disk->live : "");
}

static void copy_named(const struct disk *disk, const char *name)
{
	char *from = path_in(disk->safe, name), *to = path_in(disk->cut, name);
	int fd = open(from, O_RDONLY | O_CLOEXEC);

	unlink(to);
	if (fd >= 0) {
		copy_file(fd, to);
		close(fd);
	}
	free(from);
	free(to);
}

void disk_cut(const struct disk *disk)
{
	const char *database = strrchr(disk->path, '/') + 1;
	char *log = name_of(database, "-wal");

	copy_named(disk, database);
	copy_named(disk, log);
	free(log);
}
