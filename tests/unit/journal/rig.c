/* What the journal's tests share. */
/* SPDX-License-Identifier: MIT */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/backends.h"
#include "unit/journal/rig.h"

enum { CHUNK_MOST = 3000 };

struct reading {
	uint64_t number;
	uint64_t n;
};

static uint64_t mix(uint64_t value)
{
	value *= 0x9e3779b97f4a7c15ULL;
	return value ^ value >> 29;
}

/* Chunk 0 holds the number itself. */
static size_t make_chunk(uint64_t number, uint64_t at, unsigned char *bytes)
{
	size_t len = 8 + mix(number ^ at << 32) % (CHUNK_MOST - 8);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)mix(number + at * 77 + i);
	if (at == 0)
		memcpy(bytes, &number, sizeof(number));
	return len;
}

static uint64_t count_chunks(uint64_t number)
{
	return 1 + mix(number) % 60;
}

int rig_append(struct journal *journal, uint64_t number)
{
	unsigned char bytes[CHUNK_MOST];
	int err = journal_begin(journal, RIG_SCHEMA);

	for (uint64_t i = 0; i < count_chunks(number) && !err; i++)
		err = journal_append(journal, bytes, make_chunk(number, i, bytes));
	return err;
}

int rig_put(struct journal *journal, uint64_t number)
{
	int err = rig_append(journal, number);

	if (!err)
		err = journal_commit(journal);
	if (err)
		journal_abandon(journal);
	return err;
}

static int compare_chunk(const void *bytes, size_t len, void *data)
{
	struct reading *reading = data;
	unsigned char expected[CHUNK_MOST];

	if (reading->n == 0)
		memcpy(&reading->number, bytes, sizeof(reading->number));
	assert_int_equal(len, make_chunk(reading->number, reading->n, expected));
	assert_memory_equal(bytes, expected, len);
	reading->n++;
	return 0;
}

uint64_t rig_get(struct journal *journal)
{
	struct reading reading = {0};
	struct field_error error = {.field = ""};
	int r = journal_read(journal, RIG_SCHEMA, compare_chunk, &reading, &error);

	if (r == JOURNAL_E_NONE)
		return 0;
	assert_int_equal(r, 0);
	assert_int_equal(reading.n, count_chunks(reading.number));
	return reading.number;
}

void rig_make_directory(char path[RIG_PATH_SIZE])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, RIG_PATH_SIZE, "%s/sluice-journal-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
}

void rig_remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	assert_int_equal(rmdir(path), 0);
}

struct journal *rig_open(const char *path)
{
	struct field_error error = {.field = ""};
	struct journal *journal;

	assert_int_equal(journal_open_file(path, &error, &journal), 0);
	return journal;
}
