/* What a power cut or a failed sync leaves of the ledger: all that was acknowledged, once. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/journal/ledger_rig.h"
#include "unit/store/disk.h"
#include "unit/store/fixture.h"

static int setup(void **state)
{
	*state = disk_new("ledger.db");
	return 0;
}

static int teardown(void **state)
{
	disk_free(*state);
	return 0;
}

static int put(struct ledger *ledger, unsigned int number)
{
	return ledger_rig_try(ledger, &(struct ledger_rig_entry){.number = number,
								 .object = "lim_1",
								 .actor = "key_1"});
}

/* The ledger as it would be found after the power came back. */
static struct ledger *open_after_cut(const struct disk *disk)
{
	struct ledger *ledger;

	disk_watch(disk, false);
	disk_cut(disk);
	ledger = ledger_rig_open(disk->cut);
	disk_watch(disk, true);
	return ledger;
}

static int count_entry(const struct ledger_entry *entry, void *data)
{
	++*(unsigned int *)data;
	return 0;
}

static unsigned int count_entries(struct ledger *ledger)
{
	struct ledger_search search = {.tenant = "default"};
	struct field_error error;
	unsigned int n = 0;

	assert_int_equal(ledger_each_entry(ledger, &search, count_entry, &n, &error), 0);
	return n;
}

static void power_cut_after_acknowledgement_loses_nothing(void **state)
{
	struct disk *disk = *state;
	struct ledger *ledger = ledger_rig_open(disk->live), *cut;

	for (unsigned int i = 1; i <= 40; i++) {
		int before = disk_syncs;

		assert_int_equal(put(ledger, i), 0);
		assert_true(disk_syncs > before);
		ledger_rig_count(ledger, "run", i, 5, 10);
		cut = open_after_cut(disk);
		assert_int_equal(count_entries(cut), i);
		assert_int_equal(ledger_rig_allowed(cut, "default"), i * 10);
		ledger_free(cut);
	}
	ledger_free(ledger);
}

/* Whether it had been written after all shows when it is opened again; trying again is right. */
static void failed_sync_closes_it_and_a_second_try_counts_once(void **state)
{
	struct disk *disk = *state;
	struct ledger *ledger = ledger_rig_open(disk->live);
	struct field_error error, aside;
	struct ledger_usage row = {.tenant = "default", .allowed = 10};
	struct ledger_addition addition = {.run = "run", .number = 1, .rows = &row, .n = 1};

	assert_int_equal(put(ledger, 1), 0);
	disk_failing = true;
	assert_int_equal(put(ledger, 2), -EIO);
	assert_int_equal(put(ledger, 2), LEDGER_E_CLOSED);
	disk_failing = false;
	assert_int_equal(ledger_open(ledger, &error, &aside), 0);
	disk_failing = true;
	assert_int_equal(ledger_add_usage(ledger, &addition, &error), -EIO);
	disk_failing = false;
	assert_int_equal(ledger_open(ledger, &error, &aside), 0);
	assert_string_equal(aside.message, "");
	assert_int_equal(ledger_add_usage(ledger, &addition, &error), 0);
	assert_int_equal(put(ledger, 2), 0);
	assert_int_equal(count_entries(ledger), 2);
	assert_int_equal(ledger_rig_allowed(ledger, "default"), 10);
	ledger_free(ledger);
}

static void pruning_nothing_syncs_nothing(void **state)
{
	struct disk *disk = *state;
	struct ledger *ledger = ledger_rig_open(disk->live);
	struct field_error error;
	int before;
	size_t n;

	assert_int_equal(put(ledger, 9), 0);
	before = disk_syncs;
	for (int i = 0; i < 100; i++)
		assert_int_equal(ledger_prune(ledger, 9000, 0, 100, &error, &n), 0);
	assert_int_equal(disk_syncs, before);
	assert_int_equal(ledger_prune(ledger, 9001, 0, 100, &error, &n), 0);
	assert_int_equal(n, 1);
	ledger_free(ledger);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(power_cut_after_acknowledgement_loses_nothing),
		TEST(failed_sync_closes_it_and_a_second_try_counts_once),
		TEST(pruning_nothing_syncs_nothing),
	};

	return cmocka_run_group_tests_name("ledger power", tests, NULL, NULL);
}
