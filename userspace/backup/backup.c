/* Makes a backup: copies, puts them into one file, reads it back, and only then gives it its name. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/backup_priv.h"
#include "base/fd.h"

enum {
	PIECE_SIZE = 65536,
};

static int refuse_file(const struct job *job, const char *what)
{
	field_error_set(job->error, "", "%s: %s", what, job->request->file);
	return BACKUP_E_REFUSED;
}

/* Before any work; what comes into being meanwhile, renaming refuses. */
static int look_at_target(const struct job *job)
{
	struct stat info;

	if (lstat(job->request->file, &info))
		return errno == ENOENT ? 0 : refuse_file(job, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return refuse_file(job, "is there, and no file that could be replaced");
	return job->request->force ? 0 : refuse_file(job, "is there already; --force replaces it");
}

static int write_manifest(const struct job *job)
{
	_cleanup_buf_ struct buf text;
	_cleanup_fd_ int fd = stage_create(&job->stage, STAGE_MANIFEST);

	buf_init(&text);
	if (fd < 0)
		return fd;
	backup_describe(job->result, job->request->version, NULL, &text);
	if (text.failed)
		return -ENOMEM;
	/* Too short to be written in parts, but on a full disk. */
	return write(fd, text.data, text.len) == (ssize_t)text.len ? 0 : errno ? -errno : -ENOSPC;
}

static int measure(const struct job *job, int fd)
{
	struct stat info;

	if (fstat(fd, &info))
		return -errno;
	job->result->bytes = (uint64_t)info.st_size;
	return 0;
}

/* Its name lasts, too. */
static int sync_directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash ? (size_t)(slash - file) : 0;
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	if (slash)
		snprintf(path, sizeof(path), "%.*s", (int)(len ? len : 1), file);
	else
		snprintf(path, sizeof(path), ".");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int publish(const struct job *job, int fd)
{
	const struct backup_request *request = job->request;
	unsigned int flags = request->force ? 0 : RENAME_NOREPLACE;

	if (fsync(fd))
		return -errno;
	if (renameat2(job->stage.fd, STAGE_ARCHIVE, AT_FDCWD, request->file, flags))
		return errno == EEXIST ? look_at_target(job) : -errno;
	return sync_directory_of(request->file);
}

/* A reader that does not read holds it up; a signal gets it out of there. */
static int write_out(const struct job *job, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(job->request->fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (job_is_stopped(job))
			return BACKUP_E_INTERRUPTED;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int stream(const struct job *job, int fd)
{
	char piece[PIECE_SIZE];
	ssize_t n;
	int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;

	while (r == 0) {
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = write_out(job, piece, (size_t)n);
	}
	return r;
}

static int make_archive(struct job *job)
{
	_cleanup_fd_ int fd = stage_create(&job->stage, STAGE_ARCHIVE);
	int r = fd < 0 ? fd : tar_write(job, fd);

	if (!r)
		r = tar_compare(job, fd);
	if (!r)
		r = measure(job, fd);
	if (!r)
		r = job->request->file ? publish(job, fd) : stream(job, fd);
	return r;
}

static int make(struct job *job)
{
	int r = job->request->file ? look_at_target(job) : 0;

	if (!r)
		r = stage_open(job);
	if (!r)
		r = parts_copy(job);
	if (!r)
		r = write_manifest(job);
	return r ? r : make_archive(job);
}

int backup_make(const struct backup_request *request, struct field_error *error,
		struct backup_result *ret)
{
	struct job job = {.request = request, .result = ret, .stage = {.fd = -1}, .error = error};
	struct timespec now;
	int r;

	memset(ret, 0, sizeof(*ret));
	clock_gettime(CLOCK_REALTIME, &now);
	ret->made_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	r = make(&job);
	stage_close(&job.stage);
	return r;
}
