/* The directory in which a backup is put together: ours alone, and gone at the end. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup_priv.h"

static int refuse(struct field_error *error, const char *path, const char *what)
{
	field_error_set(error, "", "cannot use %s: %s", path, what);
	return BACKUP_E_REFUSED;
}

static int make_temporary(struct stage *stage)
{
	const char *top = getenv("TMPDIR");

	if (!top || !*top)
		top = "/tmp";
	if (snprintf(stage->path, sizeof(stage->path), "%s/sluice-backup-XXXXXX", top) >=
	    (int)sizeof(stage->path))
		return -ENAMETOOLONG;
	return mkdtemp(stage->path) ? 0 : -errno;
}

static int make_beside(struct stage *stage, const char *file)
{
	if (snprintf(stage->path, sizeof(stage->path), "%s.part", file) >= (int)sizeof(stage->path))
		return -ENAMETOOLONG;
	return mkdir(stage->path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Whatever else may lie there is not ours, and keeps the directory. */
static void remove_files(const struct stage *stage)
{
	DIR *list = opendir(stage->path);
	const struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (parts_own(entry->d_name))
			unlinkat(stage->fd, entry->d_name, 0);
	if (list)
		closedir(list);
}

static bool is_still_there(const struct stage *stage)
{
	struct stat held, named;

	return fstat(stage->fd, &held) == 0 && stat(stage->path, &named) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* What a killed backup has left is taken over, what another one is at work in is not. */
static int lock(struct stage *stage, struct field_error *error)
{
	struct stat info;

	if (fstat(stage->fd, &info))
		return refuse(error, stage->path, strerror(errno));
	/* Whoever owns the directory could exchange what lies in it. */
	if (info.st_uid != geteuid())
		return refuse(error, stage->path, "it belongs to another user");
	if (flock(stage->fd, LOCK_EX | LOCK_NB))
		return refuse(error, stage->path,
			      errno == EWOULDBLOCK ? "another backup is being made there" :
						     strerror(errno));
	/* The other may have ended just now, and its directory with it. */
	if (!is_still_there(stage))
		return refuse(error, stage->path, "another backup was being made there");
	return fchmod(stage->fd, 0700) ? -errno : 0;
}

int stage_open(struct job *job)
{
	struct stage *stage = &job->stage;
	const char *file = job->request->file;
	int r = file ? make_beside(stage, file) : make_temporary(stage);

	if (!r) {
		stage->fd = open(stage->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = stage->fd < 0 ? -errno : 0;
	}
	if (r)
		return refuse(job->error, stage->path, strerror(-r));
	r = lock(stage, job->error);
	if (r) {
		/* Not ours: stage_close() must leave it alone. */
		close(stage->fd);
		stage->fd = -1;
		return r;
	}
	remove_files(stage);
	return 0;
}

void stage_close(struct stage *stage)
{
	if (stage->fd < 0)
		return;
	remove_files(stage);
	rmdir(stage->path);
	close(stage->fd);
	stage->fd = -1;
}

int stage_path(const struct stage *stage, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", stage->path, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int stage_create(const struct stage *stage, const char *name)
{
	int fd = openat(stage->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int stage_read(const struct stage *stage, const char *name)
{
	int fd = openat(stage->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
