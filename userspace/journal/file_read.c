/* Reads the journal's file: once to check all of it, once to hand it over. */
/* SPDX-License-Identifier: MIT */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/backends.h"
#include "journal/crc32c.h"
#include "journal/file_priv.h"

struct walk {
	int fd;
	uint64_t at; /* offset in the file */
	uint32_t schema;
	uint8_t *chunk;     /* JOURNAL_CHUNK_MAX bytes */
	journal_each *each; /* NULL: only check */
	void *data;
};

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

/* The next len bytes: 0, JOURNAL_E_DAMAGED when the file ends before, or -errno. */
static int take(struct walk *walk, void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
			pread(walk->fd, (char *)bytes + done, len - done, (off_t)(walk->at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return JOURNAL_E_DAMAGED;
		done += (size_t)n;
	}
	walk->at += len;
	return 0;
}

static int take_head(struct walk *walk)
{
	uint8_t head[FILE_HEAD];
	int r = take(walk, head, sizeof(head));

	if (r)
		return r;
	if (memcmp(head, FILE_MARK, 8) != 0 || get_u32(head + 20) != crc32c(0, head, 20))
		return JOURNAL_E_DAMAGED;
	walk->schema = get_u32(head + 12);
	return get_u32(head + 8) > FILE_FORM ? JOURNAL_E_NEWER : 0;
}

static int take_end(struct walk *walk, uint64_t n_chunks)
{
	uint8_t end[FILE_END], more;
	int r;

	walk->at -= FILE_CHUNK_HEAD;
	r = take(walk, end, sizeof(end));
	if (r)
		return r;
	if (get_u32(end + 12) != crc32c(0, end, 12) || get_u64(end + 4) != n_chunks)
		return JOURNAL_E_DAMAGED;
	r = take(walk, &more, 1);
	return r == JOURNAL_E_DAMAGED ? 0 : r ? r : JOURNAL_E_DAMAGED;
}

static int take_chunk(struct walk *walk, const uint8_t *head, uint64_t number)
{
	uint32_t len = get_u32(head);
	int r;

	if (len == 0 || len > JOURNAL_CHUNK_MAX)
		return JOURNAL_E_DAMAGED;
	r = take(walk, walk->chunk, len);
	if (r)
		return r;
	if (file_chunk_sum(number, walk->chunk, len) != get_u32(head + 4))
		return JOURNAL_E_DAMAGED;
	return walk->each ? walk->each(walk->chunk, len, walk->data) : 0;
}

static int walk_file(struct walk *walk)
{
	uint8_t head[FILE_CHUNK_HEAD];
	uint64_t n = 0;
	int r;

	walk->at = 0;
	r = take_head(walk);
	while (!r) {
		r = take(walk, head, sizeof(head));
		if (!r && get_u32(head) == FILE_END_MARK)
			return take_end(walk, n);
		if (!r)
			r = take_chunk(walk, head, n++);
	}
	return r;
}

static int explain(int r, struct field_error *error)
{
	if (r == JOURNAL_E_DAMAGED)
		field_error_set(error, "snapshot", "it is damaged");
	else if (r == JOURNAL_E_NEWER)
		field_error_set(error, "snapshot", "it was written by a newer version");
	else if (r < 0)
		field_error_set(error, "snapshot", "cannot read it: %s", strerror(-r));
	return r;
}

/* Nothing is handed over before all of it has been checked. */
static int walk_twice(struct walk *walk, uint32_t schema_max, journal_each *each,
		      struct field_error *error)
{
	int r = walk_file(walk);

	if (r)
		return explain(r, error);
	if (walk->schema > schema_max)
		return journal_refuse_newer(error, walk->schema, schema_max);
	walk->each = each;
	return explain(walk_file(walk), error);
}

int journal_check_file(int fd, uint32_t *ret_schema, struct field_error *error)
{
	struct walk walk = {.fd = fd, .chunk = malloc(JOURNAL_CHUNK_MAX)};
	int r = walk.chunk ? walk_file(&walk) : -ENOMEM;

	free(walk.chunk);
	*ret_schema = walk.schema;
	return explain(r, error);
}

int file_read(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
	      struct field_error *error)
{
	struct walk walk = {
		.fd = openat(file_of(journal)->dir_fd, FILE_NAME,
			     O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
		.data = data,
	};
	int r;

	if (walk.fd < 0 && errno == ENOENT) {
		field_error_set(error, "snapshot", "there is none");
		return JOURNAL_E_NONE;
	}
	if (walk.fd < 0)
		return explain(-errno, error);
	walk.chunk = malloc(JOURNAL_CHUNK_MAX);
	r = walk.chunk ? walk_twice(&walk, schema_max, each, error) : explain(-ENOMEM, error);
	free(walk.chunk);
	close(walk.fd);
	return r;
}
