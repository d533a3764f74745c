/* What a power cut leaves: the store is reopened from what had been synced, and nothing else. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/store/disk.h"
#include "unit/store/fixture.h"

static int setup(void **state)
{
	*state = disk_new("store.db");
	return 0;
}

static int teardown(void **state)
{
	disk_free(*state);
	return 0;
}

/* The store as it would be found after the power came back. */
static struct store *open_after_cut(const struct disk *disk)
{
	struct store *store;

	disk_watch(disk, false);
	disk_cut(disk);
	store = open_at(disk->cut_path);
	disk_watch(disk, true);
	return store;
}

static void power_cut_after_acknowledgement_loses_nothing(void **state)
{
	struct disk *disk = *state;
	struct store *store = open_at(disk->path), *cut;
	static char value[60000];

	assert_true(disk_dir_syncs > 0);
	/* Long enough for the log to be carried into the file and started over. */
	for (unsigned int i = 1; i <= 60; i++) {
		char key[16], text[16], expected[16];
		int before = disk_syncs;

		snprintf(key, sizeof(key), "key/%u", i % 7);
		snprintf(expected, sizeof(expected), "value %05u.", i);
		memset(value, '.', sizeof(value));
		memcpy(value, expected, 12);
		assert_int_equal(put_bytes(store, key, value, i % 3 ? sizeof(value) : 100), i);
		assert_true(disk_syncs > before);
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
	disk_cut(disk);
	before = disk_dir_syncs;
	left = open_at(disk->cut_path);
	assert_true(disk_dir_syncs > before);
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
	disk_failing = true;
	assert_int_equal(try_put(store, "b", "2", 1), STORE_E_UNKNOWN);
	disk_failing = false;
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
	before = disk_syncs;
	present_revision(store);
	delete_key(store, "absent");
	assert_int_equal(disk_syncs, before);
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
	int before = disk_syncs;

	disk_watch(disk, false);
	disk_delay_ns = 2000000;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, put_some, store);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	disk_delay_ns = 0;
	assert_int_equal(present_revision(store), THREADS * EACH);
	assert_true(disk_syncs - before < THREADS * EACH / 2);
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
