/* Writes the files of a backup as one tar, and reads it back to compare. */
/* SPDX-License-Identifier: MIT */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup_priv.h"
#include "base/cleanup.h"
#include "base/fd.h"

enum {
	PIECE_SIZE = 65536,
	BLOCK_SIZE = 10240, /* of tar, as ever */
};

static void free_writer(struct archive **archive)
{
	archive_write_free(*archive);
}

static void free_reader(struct archive **archive)
{
	archive_read_free(*archive);
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

/* The errno of what libarchive could not do. */
static int errno_of(struct archive *archive)
{
	int error = archive_errno(archive);

	return error > 0 ? -error : -EIO;
}

static int put_header(struct job *job, struct archive *archive, const char *name, int fd)
{
	_cleanup_(free_entry) struct archive_entry *entry = archive_entry_new();
	struct stat directory, file;

	if (!entry)
		return -ENOMEM;
	if (stat(job->request->data, &directory) || fstat(fd, &file))
		return -errno;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, file.st_size);
	archive_entry_set_mtime(entry, (time_t)(job->result->made_ms / 1000), 0);
	/* Where root unpacks it, the service's user can go on. */
	archive_entry_set_uid(entry, directory.st_uid);
	archive_entry_set_gid(entry, directory.st_gid);
	return archive_write_header(archive, entry) == ARCHIVE_OK ? 0 : errno_of(archive);
}

static int put_file(struct job *job, struct archive *archive, const char *name)
{
	_cleanup_fd_ int fd = stage_read(&job->stage, name);
	char piece[PIECE_SIZE];
	int r = fd < 0 ? fd : put_header(job, archive, name, fd);

	while (r == 0) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (archive_write_data(archive, piece, (size_t)n) != n)
			return errno_of(archive);
		r = job_is_stopped(job) ? BACKUP_E_INTERRUPTED : 0;
	}
	return r;
}

int tar_write(struct job *job, int fd)
{
	_cleanup_(free_writer) struct archive *archive = archive_write_new();
	const char *name;
	int r = 0;

	if (!archive)
		return -ENOMEM;
	/* Plain tar as far as that can say it: sizes beyond 8 GiB take an extension that tars know. */
	if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(archive, BLOCK_SIZE) != ARCHIVE_OK ||
	    archive_write_open_fd(archive, fd) != ARCHIVE_OK)
		return errno_of(archive);
	for (size_t i = 0; !r && (name = parts_file(job->result, i)); i++)
		r = put_file(job, archive, name);
	if (!r && archive_write_close(archive) != ARCHIVE_OK)
		r = errno_of(archive);
	return r;
}

static int refuse_difference(struct job *job, const char *name)
{
	field_error_set(job->error, "", "what was written is not what is read back: %s", name);
	return BACKUP_E_REFUSED;
}

static int compare_file(struct job *job, struct archive *archive, const char *name)
{
	_cleanup_fd_ int fd = stage_read(&job->stage, name);
	char piece[PIECE_SIZE], wanted[PIECE_SIZE];
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = archive_read_data(archive, piece, sizeof(piece))) > 0) {
		if (read(fd, wanted, (size_t)n) != n || memcmp(piece, wanted, (size_t)n) != 0)
			return refuse_difference(job, name);
		if (job_is_stopped(job))
			return BACKUP_E_INTERRUPTED;
	}
	if (n < 0)
		return errno_of(archive);
	return read(fd, wanted, 1) == 0 ? 0 : refuse_difference(job, name);
}

static int compare_entry(struct job *job, struct archive *archive, const char *name)
{
	struct archive_entry *entry;
	int code = archive_read_next_header(archive, &entry);

	if (code != ARCHIVE_OK)
		return code == ARCHIVE_EOF ? refuse_difference(job, name) : errno_of(archive);
	if (strcmp(archive_entry_pathname(entry) ?: "", name) != 0)
		return refuse_difference(job, name);
	return compare_file(job, archive, name);
}

int tar_compare(struct job *job, int fd)
{
	_cleanup_(free_reader) struct archive *archive = archive_read_new();
	const char *name;
	int r = 0;

	if (!archive)
		return -ENOMEM;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, BLOCK_SIZE) != ARCHIVE_OK)
		return errno_of(archive);
	for (size_t i = 0; !r && (name = parts_file(job->result, i)); i++)
		r = compare_entry(job, archive, name);
	return r;
}
