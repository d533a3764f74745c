/* Any bytes as a snapshot's file: nothing is handed over unless all of it is what was written. */
/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "journal/backends.h"
#include "journal/crc32c.h"
#include "journal/file_priv.h"

enum { SCHEMA_MAX = 3 };

static char folder[] = "/tmp/sluice-fuzz-journal-XXXXXX";
static struct file_journal journal = {.dir_fd = -1};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void remove_folder(void)
{
	unlinkat(journal.dir_fd, FILE_NAME, 0);
	rmdir(folder);
}

static void make_folder(void)
{
	if (journal.dir_fd >= 0)
		return;
	check(mkdtemp(folder) != NULL);
	journal.dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(journal.dir_fd >= 0);
	atexit(remove_folder);
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

/* Sums that fit, so that what lies behind them is reached. */
static void mend(uint8_t *bytes, size_t len)
{
	size_t at = FILE_HEAD;

	if (len < FILE_HEAD)
		return;
	memcpy(bytes, FILE_MARK, 8);
	put_u32(bytes + 20, crc32c(0, bytes, 20));
	for (uint64_t n = 0; len - at >= FILE_CHUNK_HEAD; n++) {
		uint32_t size = get_u32(bytes + at);

		if (size == FILE_END_MARK && len - at >= FILE_END)
			put_u32(bytes + at + 12, crc32c(0, bytes + at, 12));
		if (size == FILE_END_MARK || len - at - FILE_CHUNK_HEAD < size)
			return;
		at += FILE_CHUNK_HEAD;
		put_u32(bytes + at - 4, file_chunk_sum(n, bytes + at, size));
		at += size;
	}
}

/* What the file means, by its form alone; the chunks go to ret. */
static int read_plainly(const uint8_t *bytes, size_t len, struct buf *ret)
{
	size_t at = FILE_HEAD;

	if (len < FILE_HEAD || memcmp(bytes, FILE_MARK, 8) != 0 ||
	    get_u32(bytes + 20) != crc32c(0, bytes, 20))
		return JOURNAL_E_DAMAGED;
	if (get_u32(bytes + 8) > FILE_FORM)
		return JOURNAL_E_NEWER;
	for (uint64_t n = 0; len - at >= FILE_CHUNK_HEAD; n++) {
		const uint8_t *chunk = bytes + at + FILE_CHUNK_HEAD;
		uint32_t size = get_u32(bytes + at);
		uint64_t counted;

		if (size == FILE_END_MARK && len - at == FILE_END) {
			memcpy(&counted, bytes + at + 4, sizeof(counted));
			return le64toh(counted) == n && get_u32(bytes + at + 12) ==
								crc32c(0, bytes + at, 12) ?
				       0 :
				       JOURNAL_E_DAMAGED;
		}
		if (size == 0 || size > JOURNAL_CHUNK_MAX || size > len - at - FILE_CHUNK_HEAD ||
		    file_chunk_sum(n, chunk, size) != get_u32(bytes + at + 4))
			return JOURNAL_E_DAMAGED;
		buf_put(ret, chunk, size);
		at += FILE_CHUNK_HEAD + size;
	}
	return JOURNAL_E_DAMAGED;
}

static int keep(const void *bytes, size_t len, void *data)
{
	check(len > 0 && len <= JOURNAL_CHUNK_MAX);
	buf_put(data, bytes, len);
	return 0;
}

static void write_file(const uint8_t *bytes, size_t len)
{
	int fd = openat(journal.dir_fd, FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void check_alone(int expected, uint32_t schema)
{
	int fd = openat(journal.dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	struct field_error error = {.message = ""};
	uint32_t found;

	check(journal_check_file(fd, &found, &error) == expected);
	check(expected ? *error.message != '\0' : found == schema);
	close(fd);
}

/* The first byte says whether the sums are mended. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct field_error error = {.message = ""};
	struct buf expected, got;
	uint8_t *bytes;
	int plain, r;

	if (size < 2 || size > 65536)
		return 0;
	make_folder();
	bytes = malloc(size - 1);
	memcpy(bytes, data + 1, size - 1);
	if (data[0] & 1)
		mend(bytes, size - 1);
	buf_init(&expected);
	buf_init(&got);
	write_file(bytes, size - 1);
	plain = read_plainly(bytes, size - 1, &expected);
	check_alone(plain, size > FILE_HEAD ? get_u32(bytes + 12) : 0);
	if (!plain && get_u32(bytes + 12) > SCHEMA_MAX)
		plain = JOURNAL_E_NEWER;
	r = file_read(&journal.journal, SCHEMA_MAX, keep, &got, &error);
	check(r == plain);
	check(r == 0 || *error.message != '\0');
	check(got.len == (r ? 0 : expected.len));
	check(got.len == 0 || memcmp(got.data, expected.data, got.len) == 0);
	buf_done(&expected);
	buf_done(&got);
	free(bytes);
	return 0;
}
