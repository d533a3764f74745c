/* What a power cut leaves: the store is reopened from what had been synced, and nothing else. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit/store/fixture.h"

/*
 * SQLite's calls of fsync and fdatasync end here. Each synced file is copied to `safe`: that
 * directory is the disk after a cut in which every unsynced byte was lost. A file is in there only
 * once its directory was synced too.
 */
static atomic_int syncs, dir_syncs;
static atomic_bool failing;
static long delay_ns;
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
		dir_syncs++;
		return;
	}
	if (strncmp(name, live, strlen(live)) != 0)
		return;
	snprintf(to, sizeof(to), "%s%s", safe, name + strlen(live));
	copy_file(fd, to);
}

static int sync_fd(int fd, long call)
{
	struct timespec pause = {.tv_nsec = delay_ns};

	syncs++;
	if (failing) {
		errno = EIO;
		return -1;
	}
	if (delay_ns)
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

struct disk {
	char *live, *safe, *cut;
	char *path, *cut_path;
};

static int setup(void **state)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	disk->live = dir_make(true);
	disk->safe = dir_make(true);
	disk->cut = dir_make(true);
	disk->path = path_in(disk->live, "store.db");
	disk->cut_path = path_in(disk->cut, "store.db");
	snprintf(live, sizeof(live), "%s", disk->live);
	snprintf(safe, sizeof(safe), "%s", disk->safe);
	failing = false;
	delay_ns = 0;
	*state = disk;
	return 0;
}

static int teardown(void **state)
{
	struct disk *disk = *state;

	live[0] = '\0';
	dir_remove(disk->live);
	dir_remove(disk->safe);
	dir_remove(disk->cut);
	free(disk->path);
	free(disk->cut_path);
	free(disk);
	return 0;
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

/* The store as it would be found after the power came back. */
static struct store *open_after_cut(const struct disk *disk)
{
	struct store *store;

	live[0] = '\0'; /* this store's own syncs are of no interest */
	copy_named(disk, "store.db");
	copy_named(disk, "store.db-wal");
	store = open_at(disk->cut_path);
	snprintf(live, sizeof(live), "%s", disk->live);
	return store;
}

static void power_cut_after_acknowledgement_loses_nothing(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path), *cut;
	static char value[60000];

	assert_true(dir_syncs > 0);
	/* Long enough for the log to be carried into the file and started over. */
	for (unsigned int i = 1; i <= 60; i++) {
		char key[16], text[16], expected[16];
		int before = syncs;

		snprintf(key, sizeof(key), "key/%u", i % 7);
		snprintf(expected, sizeof(expected), "value %05u.", i);
		memset(value, '.', sizeof(value));
		memcpy(value, expected, 12);
		assert_int_equal(put_bytes(store, key, value, i % 3 ? sizeof(value) : 100), i);
		assert_true(syncs > before);
		cut = open_after_cut(disk);
		assert_int_equal(present_revision(cut), i);
		assert_int_equal(get_text(cut, key, text, 13), i);
		assert_string_equal(text, expected);
		store_close(cut);
	}
	store_close(store);
}

static void opening_what_a_killed_owner_left_syncs_the_directory(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path), *left;
	int before;

	put_text(store, "a", "1");
	copy_named(disk, "store.db");
	copy_named(disk, "store.db-wal");
	before = dir_syncs;
	left = open_at(disk->cut_path);
	assert_true(dir_syncs > before);
	store_close(left);
	store_close(store);
}

static void failed_sync_is_unknown_and_ends_writing(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path);
	struct store_watch *watch;
	struct seen seen;

	put_text(store, "a", "1");
	seen_init(&seen, 1);
	assert_int_equal(store_watch(store, "", 1, seen_call, &seen, &watch), 0);
	failing = true;
	assert_int_equal(try_put(store, "b", "2", 1), STORE_E_UNKNOWN);
	failing = false;
	/* A later sync that works proves nothing about the earlier one's bytes. */
	assert_int_equal(try_put(store, "c", "3", 1), STORE_E_READ_ONLY);
	assert_int_equal(count_records(store, "", NULL), 1);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 0);
	store_close(store);
	store = open_at(disk->path);
	assert_int_equal(get_text(store, "a", NULL, 0), 1);
	put_text(store, "c", "3");
	store_close(store);
	seen_done(&seen);
}

static void txn_that_writes_nothing_syncs_nothing(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path);
	int before;

	put_text(store, "a", "1");
	before = syncs;
	present_revision(store);
	delete_key(store, "absent");
	assert_int_equal(syncs, before);
	store_close(store);
}

enum {
	THREADS = 16,
	EACH = 15,
};

static void *put_some(void *data)
{
	char key[32];

	for (int i = 0; i < EACH; i++) {
		snprintf(key, sizeof(key), "%p/%d", (void *)&key, i);
		put_text(data, key, "x");
	}
	return NULL;
}

/* On a disk that takes 2 ms to sync: else a machine in a hurry would have nothing to share. */
static void txns_that_wait_together_share_syncs(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path);
	pthread_t threads[THREADS];
	int before = syncs;

	live[0] = '\0';
	delay_ns = 2000000;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, put_some, store);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	delay_ns = 0;
	assert_int_equal(present_revision(store), THREADS * EACH);
	assert_true(syncs - before < THREADS * EACH / 2);
	store_close(store);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(power_cut_after_acknowledgement_loses_nothing),
		TEST(opening_what_a_killed_owner_left_syncs_the_directory),
		TEST(failed_sync_is_unknown_and_ends_writing),
		TEST(txn_that_writes_nothing_syncs_nothing),
		TEST(txns_that_wait_together_share_syncs),
	};

	return cmocka_run_group_tests_name("store_power", tests, NULL, NULL);
}
