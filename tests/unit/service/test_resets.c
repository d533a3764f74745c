/* A reset that was acknowledged holds after a kill, and is not done twice. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/journal_priv.h"
#include "service/service_priv.h"
#include "store/store.h"
#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

static int setup(void **state)
{
	int err = rig_setup(state);
	struct rig *rig = *state;

	rig_stop(rig);
	assert_int_equal(journal_open_memory(&rig->journal), 0);
	rig_start(rig, 100);
	return err;
}

static int refuse_to_begin(struct journal *journal, uint32_t schema)
{
	return -EIO;
}

/* Without a last snapshot, as after a kill. */
static void kill_and_start(struct rig *rig)
{
	const struct journal_ops *ops = rig->journal->ops;
	struct journal_ops broken = *ops;

	broken.begin = refuse_to_begin;
	rig->journal->ops = &broken;
	rig_stop(rig);
	rig->journal->ops = ops;
	rig_start(rig, 100);
}

static void stop_and_start(struct rig *rig)
{
	rig_stop(rig);
	rig_start(rig, 100);
}

static uint64_t remaining(struct rig *rig, const char *key)
{
	struct check_answer answer;

	assert_int_equal(rig_ask(rig, key, 1, true, &answer), 0);
	return answer.tightest.remaining;
}

static int reset(struct rig *rig, const char *id, const char *key)
{
	return admin_limit_reset(rig->service, &rig->actor, id, key, key ? strlen(key) : 0,
				 &rig->error);
}

/* With a snapshot of it. */
static void add_used(struct rig *rig, char id[ID_SIZE])
{
	rig_add(rig, RIG_LIMIT("k*", 10, "1h"), id);
	assert_true(rig_allows(rig, "k1", 4));
	assert_true(rig_allows(rig, "k2", 5));
	stop_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 6);
}

static void reset_of_a_key_holds_after_a_kill(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	add_used(rig, id);
	assert_int_equal(reset(rig, id, "k1"), 0);
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 10);
	assert_int_equal(remaining(rig, "k2"), 5);
	/* And after another one, still before any snapshot. */
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 10);
}

static void reset_of_a_limit_holds_after_a_kill(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	add_used(rig, id);
	assert_int_equal(reset(rig, id, NULL), 0);
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 10);
	assert_int_equal(remaining(rig, "k2"), 10);
}

static void reset_that_a_snapshot_shows_is_not_done_again(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	add_used(rig, id);
	assert_int_equal(reset(rig, id, "k1"), 0);
	assert_int_equal(reset(rig, id, "k2"), 0);
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 2);
	assert_true(rig_allows(rig, "k1", 3));
	/* The records go with the snapshot that shows them; were one left, it would say nothing. */
	stop_and_start(rig);
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 0);
	assert_int_equal(remaining(rig, "k1"), 7);
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 7);
	assert_int_equal(remaining(rig, "k2"), 10);
}

static struct fault_store *wrap_store(struct rig *rig)
{
	struct fault_store *fault;

	rig_stop(rig);
	fault = fault_store_new(rig->store);
	rig->store = &fault->store;
	rig_start(rig, 100);
	return fault;
}

static void record_that_a_failure_left_over_says_nothing(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault;
	char id[ID_SIZE];

	add_used(rig, id);
	fault = wrap_store(rig);
	assert_int_equal(reset(rig, id, "k1"), 0);
	assert_true(rig_allows(rig, "k1", 3));
	/* The snapshot is written, but no record is removed. */
	fault->outcome = STORE_E_READ_ONLY;
	service_save(rig->service);
	fault->outcome = 0;
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 1);
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 7);
}

/* More than go in one transaction. */
static void many_records_are_all_removed(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE], key[16];

	rig_add(rig, RIG_LIMIT("k*", 10, "1h"), id);
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(reset(rig, id, key), 0);
	}
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 200);
	assert_true(rig_allows(rig, "k1", 4));
	stop_and_start(rig);
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 0);
}

static void write_many(struct rig *rig)
{
	char name[32];

	for (unsigned int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "other/%u", i);
		rig_write(rig, name, "x");
	}
}

/* The store was put back from a backup, the snapshot was not: its mark is of revisions to come. */
static void mark_of_a_store_that_is_ahead_hides_no_reset(void **state)
{
	static const char id[] = "lim_00000000000000000001";
	struct rig *rig = *state;

	rig_settle(rig, rig_write_limit(rig, id, RIG_LIMIT("k*", 10, "1h")));
	write_many(rig);
	assert_true(rig_allows(rig, "k1", 4));
	rig_stop(rig);
	store_close(rig->store);
	assert_int_equal(store_open_memory(&rig->store), 0);
	rig_write(rig, "tenants/default", "{\"schema\":1,\"number\":0}");
	rig_write_limit(rig, id, RIG_LIMIT("k*", 10, "1h"));
	rig_start(rig, 100);
	assert_int_equal(remaining(rig, "k1"), 6);
	assert_int_equal(reset(rig, id, "k1"), 0);
	write_many(rig);
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 10);
}

static void records_that_cannot_be_read_stop_nothing(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	add_used(rig, id);
	rig_write(rig, RESETS_ROOT "lim_gone", "{\"schema\":1,\"key\":null}");
	rig_write(rig, RESETS_ROOT, "{\"schema\":1,\"key\":null}");
	rig_write(rig, RESETS_ROOT "lim_damaged", "?");
	rig_write(rig, RESETS_ROOT "lim_newer/00", "{\"schema\":2}");
	kill_and_start(rig);
	assert_int_equal(remaining(rig, "k1"), 6);
}

static void reset_without_a_record_does_not_happen(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault;
	char id[ID_SIZE];

	add_used(rig, id);
	fault = wrap_store(rig);
	fault->outcome = STORE_E_READ_ONLY;
	assert_int_equal(reset(rig, id, "k1"), ADMIN_E_STORE);
	assert_int_equal(remaining(rig, "k1"), 6);
	fault->outcome = 0;
	assert_int_equal(reset(rig, id, "k1"), 0);
	assert_int_equal(remaining(rig, "k1"), 10);
}

static void reset_without_snapshots_leaves_no_record(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k*", 10, "1h"), id);
	assert_true(rig_allows(rig, "k1", 4));
	assert_int_equal(reset(rig, id, "k1"), 0);
	assert_int_equal(remaining(rig, "k1"), 10);
	assert_int_equal(rig_count_records(rig, RESETS_ROOT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reset_of_a_key_holds_after_a_kill, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(reset_of_a_limit_holds_after_a_kill, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(reset_that_a_snapshot_shows_is_not_done_again,
						setup, rig_teardown),
		cmocka_unit_test_setup_teardown(record_that_a_failure_left_over_says_nothing, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(many_records_are_all_removed, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(mark_of_a_store_that_is_ahead_hides_no_reset, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(records_that_cannot_be_read_stop_nothing, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(reset_without_a_record_does_not_happen, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(reset_without_snapshots_leaves_no_record, rig_setup,
						rig_teardown),
	};

	return cmocka_run_group_tests_name("service resets", tests, rig_random, NULL);
}
