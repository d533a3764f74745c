/* The journal in a file: a new one beside it, synced, then renamed over it. */
/* SPDX-License-Identifier: MIT */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal/backends.h"
#include "journal/crc32c.h"
#include "journal/file_priv.h"

enum { ASIDE_MAX = 99 };

/* Both parts, whatever a write takes at a time. */
static int write_parts(int fd, struct iovec parts[2])
{
	while (parts[0].iov_len + parts[1].iov_len > 0) {
		ssize_t n = writev(fd, parts, 2);
		size_t left = n > 0 ? (size_t)n : 0;

		if (n == 0)
			return -EIO;
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			size_t used = left < parts[i].iov_len ? left : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + used;
			parts[i].iov_len -= used;
			left -= used;
		}
	}
	return 0;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

uint32_t file_chunk_sum(uint64_t number, const void *bytes, uint32_t len)
{
	uint8_t head[12];

	put_u64(head, number);
	put_u32(head + 8, len);
	return crc32c(crc32c(0, head, sizeof(head)), bytes, len);
}

static int write_head(int fd, uint32_t schema)
{
	uint8_t head[FILE_HEAD] = FILE_MARK;

	put_u32(head + 8, FILE_FORM);
	put_u32(head + 12, schema);
	put_u32(head + 20, crc32c(0, head, 20));
	return write_parts(fd, (struct iovec[2]){{head, sizeof(head)}, {head, 0}});
}

static int begin(struct journal *journal, uint32_t schema)
{
	struct file_journal *file = file_of(journal);

	file->n_chunks = 0;
	file->fd = openat(file->dir_fd, FILE_NAME_NEW,
			  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return file->fd < 0 ? -errno : write_head(file->fd, schema);
}

static int append(struct journal *journal, const void *bytes, size_t len)
{
	struct file_journal *file = file_of(journal);
	uint8_t head[FILE_CHUNK_HEAD];

	put_u32(head, (uint32_t)len);
	put_u32(head + 4, file_chunk_sum(file->n_chunks++, bytes, (uint32_t)len));
	return write_parts(file->fd, (struct iovec[2]){{head, sizeof(head)},
						       {(void *)(uintptr_t)bytes, len}});
}

static int write_end(const struct file_journal *file)
{
	uint8_t end[FILE_END];

	put_u32(end, FILE_END_MARK);
	put_u64(end + 4, file->n_chunks);
	put_u32(end + 12, crc32c(0, end, 12));
	return write_parts(file->fd, (struct iovec[2]){{end, sizeof(end)}, {end, 0}});
}

/* A failed close may be a failed write (on network file systems). */
static int finish_file(struct file_journal *file)
{
	int err = write_end(file), fd = file->fd;

	if (!err && fsync(fd))
		err = -errno;
	file->fd = -1;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int commit(struct journal *journal)
{
	struct file_journal *file = file_of(journal);
	int err = finish_file(file);

	if (!err && renameat(file->dir_fd, FILE_NAME_NEW, file->dir_fd, FILE_NAME))
		err = -errno;
	if (!err && fsync(file->dir_fd))
		err = -errno;
	return err;
}

static void abandon(struct journal *journal)
{
	struct file_journal *file = file_of(journal);

	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	unlinkat(file->dir_fd, FILE_NAME_NEW, 0);
}

static int set_aside(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE])
{
	struct file_journal *file = file_of(journal);
	char name[JOURNAL_NAME_SIZE];
	int err = -EEXIST;

	for (int i = 1; i <= ASIDE_MAX && err == -EEXIST; i++) {
		snprintf(name, sizeof(name), FILE_NAME ".refused-%d", i);
		err = renameat2(file->dir_fd, FILE_NAME, file->dir_fd, name, RENAME_NOREPLACE) ?
			      -errno :
			      0;
	}
	if (!err && fsync(file->dir_fd))
		err = -errno;
	if (!err)
		memcpy(ret_name, name, sizeof(name));
	return err;
}

static void close_file(struct journal *journal)
{
	close(file_of(journal)->dir_fd);
	free(journal);
}

static const struct journal_ops file_ops = {
	.begin = begin,
	.append = append,
	.commit = commit,
	.abandon = abandon,
	.read = file_read,
	.set_aside = set_aside,
	.close = close_file,
};

static int open_directory(const char *path, struct field_error *error, int *ret)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret = fd;
		return 0;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	if (err == EWOULDBLOCK) {
		field_error_set(error, "snapshot", "another process writes snapshots in %s", path);
		return JOURNAL_E_BUSY;
	}
	field_error_set(error, "snapshot", "cannot use %s: %s", path, strerror(err));
	return -err;
}

int journal_open_file(const char *directory, struct field_error *error, struct journal **ret)
{
	struct file_journal *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	file->journal.ops = &file_ops;
	file->fd = -1;
	err = open_directory(directory, error, &file->dir_fd);
	if (err) {
		free(file);
		return err;
	}
	/* What a kill has left half written. */
	unlinkat(file->dir_fd, FILE_NAME_NEW, 0);
	*ret = &file->journal;
	return 0;
}
