/* The SQLite store says why it takes no writes, for as long as that is so, and writes to no lost file. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "db/db.h"
#include "unit/store/fixture.h"

struct files {
	char *dir, *path, *wal, *aside;
};

static int setup(void **state)
{
	struct files *files = calloc(1, sizeof(*files));

	files->dir = dir_make(false);
	files->path = path_in(files->dir, "store.db");
	files->wal = path_in(files->dir, "store.db-wal");
	files->aside = path_in(files->dir, "aside");
	*state = files;
	return 0;
}

static int teardown(void **state)
{
	struct files *files = *state;

	dir_remove(files->dir);
	free(files->path);
	free(files->wal);
	free(files->aside);
	free(files);
	return 0;
}

static void assert_trouble(struct store *store, const char *words)
{
	const char *trouble = store_trouble(store);

	assert_non_null(trouble);
	assert_non_null(strstr(trouble, words));
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_is_told_until_there_is_room(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);

	put_text(store, "a", "1");
	assert_null(store_trouble(store));
	store_probe(store);
	assert_null(store_trouble(store));
	limit_file_size(4096);
	assert_int_equal(try_put(store, "a", "2", 1), STORE_E_READ_ONLY);
	assert_trouble(store, "the disk is full");
	store_probe(store);
	assert_trouble(store, "the disk is full");
	limit_file_size(RLIM_INFINITY);
	store_probe(store);
	assert_null(store_trouble(store));
	assert_int_equal(present_revision(store), 1);
	put_text(store, "a", "2");
	store_close(store);
}

/* Whatever was acknowledged after that, nobody would find again. */
static void file_that_is_gone_takes_no_writes_until_it_is_back(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);
	const char *const names[] = {files->path, files->wal};

	put_text(store, "a", "1");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rename(names[i], files->aside), 0);
		assert_int_equal(try_put(store, "a", "2", 1), STORE_E_READ_ONLY);
		assert_trouble(store, "removed or replaced");
		assert_int_equal(rename(files->aside, names[i]), 0);
		store_probe(store);
		assert_null(store_trouble(store));
	}
	assert_int_equal(put_text(store, "a", "2"), 2);
	store_close(store);
}

static void another_file_of_the_name_takes_no_writes(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);
	int fd;

	put_text(store, "a", "1");
	assert_int_equal(rename(files->path, files->aside), 0);
	fd = open(files->path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(try_put(store, "a", "2", 1), STORE_E_READ_ONLY);
	store_probe(store);
	assert_trouble(store, "removed or replaced");
	store_close(store);
}

static int visit_nothing(const struct store_record *record, void *data)
{
	return 0;
}

/* Found by reading; it lasts until the file is opened anew, though there are pages left to write. */
static void damaged_page_ends_writing(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);
	char value[3000], junk[4096], key[16];
	uint64_t revision;
	int fd;

	memset(value, 'v', sizeof(value));
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put_bytes(store, key, value, sizeof(value));
	}
	store_close(store);
	store = open_at(files->path);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(files->path, O_WRONLY | O_CLOEXEC);
	for (off_t at = 4096; at < 150 * 4096; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
	assert_true(store_range(store, "", visit_nothing, NULL, &revision) != 0);
	assert_trouble(store, "damaged");
	store_probe(store);
	assert_trouble(store, "damaged");
	assert_int_equal(try_put(store, "k0", "x", 1), STORE_E_READ_ONLY);
	store_close(store);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(full_disk_is_told_until_there_is_room),
		TEST(file_that_is_gone_takes_no_writes_until_it_is_back),
		TEST(another_file_of_the_name_takes_no_writes),
		TEST(damaged_page_ends_writing),
	};

	return cmocka_run_group_tests_name("store_trouble", tests, NULL, NULL);
}
