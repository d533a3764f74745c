/* Snapshots of a service: the next one goes on, whatever clock it has and whatever the journal does. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "journal/backends.h"
#include "journal/journal_priv.h"
#include "service/saver_priv.h"
#include "unit/service/rig.h"

#define SECOND_NS 1000000000ULL

static int setup(void **state)
{
	int err = rig_setup(state);
	struct rig *rig = *state;

	rig_stop(rig);
	assert_int_equal(journal_open_memory(&rig->journal), 0);
	rig_start(rig, 100);
	return err;
}

static void restart(struct rig *rig)
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

static struct service_snapshots snapshots(struct rig *rig)
{
	struct service_snapshots state;

	service_snapshots(rig->service, &state);
	return state;
}

static void restart_keeps_what_was_consumed(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a*", 10, "1h"), id);
	assert_true(rig_allows(rig, "a", 4));
	assert_true(rig_allows(rig, "ab", 9));
	restart(rig);
	assert_int_equal(remaining(rig, "a"), 6);
	assert_int_equal(remaining(rig, "ab"), 1);
	assert_int_equal(snapshots(rig).keys, 2);
	assert_string_equal(snapshots(rig).lost, "");
	clock_advance_ms(&rig->clock, 720 * 1000);
	restart(rig);
	assert_int_equal(remaining(rig, "ab"), 3);
}

static void service_save_is_the_last_snapshot(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 10, "1h"), id);
	assert_true(rig_allows(rig, "a", 4));
	service_save(rig->service);
	assert_int_equal(snapshots(rig).written, 1);
	assert_true(rig_allows(rig, "a", 4));
	restart(rig);
	assert_int_equal(remaining(rig, "a"), 6);
	/* Nothing has changed since. */
	service_save(rig->service);
	assert_int_equal(snapshots(rig).written, 0);
}

static void snapshot_that_is_none_is_put_aside_and_told(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 10, "1h"), id);
	rig_stop(rig);
	assert_int_equal(journal_begin(rig->journal, SAVER_SCHEMA), 0);
	assert_int_equal(journal_append(rig->journal, "no head", 7), 0);
	assert_int_equal(journal_commit(rig->journal), 0);
	rig_start(rig, 100);
	assert_non_null(strstr(snapshots(rig).lost, "kept as refused-1"));
	assert_true(rig_allows(rig, "a", 4));
	restart(rig);
	assert_string_equal(snapshots(rig).lost, "");
	assert_int_equal(remaining(rig, "a"), 6);
}

static int refuse_to_rename(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE])
{
	return -EROFS;
}

static void snapshot_that_cannot_be_put_aside_is_not_overwritten(void **state)
{
	struct rig *rig = *state;
	struct journal_ops ops = *rig->journal->ops, *before;
	char id[ID_SIZE];

	before = (struct journal_ops *)(uintptr_t)rig->journal->ops;
	ops.set_aside = refuse_to_rename;
	rig_add(rig, RIG_LIMIT("a", 10, "1h"), id);
	rig_stop(rig);
	assert_int_equal(journal_begin(rig->journal, SAVER_SCHEMA + 1), 0);
	assert_int_equal(journal_commit(rig->journal), 0);
	rig->journal->ops = &ops;
	rig_start(rig, 100);
	assert_non_null(strstr(snapshots(rig).lost, "newer version"));
	assert_non_null(strstr(snapshots(rig).lost, "none is written"));
	assert_true(rig_allows(rig, "a", 4));
	rig_stop(rig);
	rig->journal->ops = before;
	rig_start(rig, 100);
	assert_non_null(strstr(snapshots(rig).lost, "newer version"));
}

static void service_without_journal_says_why(void **state)
{
	struct rig *rig = *state;

	rig_stop(rig);
	struct service_config config = {
		.store = rig->store,
		.clock = &rig->clock,
		.tenant_keys_max = 10,
		.journal_off = "because",
	};

	assert_int_equal(service_new(&config, &rig->error, &rig->service), 0);
	assert_false(snapshots(rig).kept);
	assert_string_equal(snapshots(rig).failing, "because");
	service_save(rig->service);
}

/* What the head says of a snapshot made at 1000 s of a clock whose UTC began at 5000 s. */
static uint64_t present_on_that_clock(const char *boot, const struct clock *now)
{
	struct clock then = {.frozen = true, .frozen_ns = 1000 * SECOND_NS};
	uint8_t head[SAVER_BLOCK];
	struct saver_head got;
	size_t len;

	then.utc_offset_ns = 5000 * SECOND_NS;
	len = saver_put_head(head, &then, 77);
	if (boot)
		memcpy(head, boot, BOOT_ID_SIZE);
	assert_int_equal(saver_get_head(head, len - 1, now, &got), JOURNAL_E_DAMAGED);
	/* Of the first schema, which knew of no resets. */
	assert_int_equal(saver_get_head(head, len - 8, now, &got), 0);
	assert_int_equal(got.mark, 0);
	assert_int_equal(saver_get_head(head, len, now, &got), 0);
	assert_int_equal(got.mark, 77);
	return got.then_ns;
}

static void head_tells_the_present_on_the_clock_of_the_snapshot(void **state)
{
	static const char other[BOOT_ID_SIZE] = "00000000-0000-0000-0000-000000000000";
	static const char unknown[BOOT_ID_SIZE] = "";
	static const struct {
		const char *boot; /* NULL: the same */
		uint64_t now_s, utc_offset_s, then_s;
	} rows[] = {
		{NULL, 1010, 5000, 1010},
		/* UTC was set forward: not for the steady clock. */
		{NULL, 1010, 9000, 1010},
		/* Another monotonic clock, as in another container; or UTC was set back: the less. */
		{NULL, 9010, 5000 - 8000, 1010},
		{NULL, 1010, 4000, 10},
		/* Rebooted. */
		{other, 10, 6000, 1010},
		{unknown, 10, 6000, 1010},
		{other, 10, 100, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct clock now = {
			.frozen = true,
			.frozen_ns = rows[i].now_s * SECOND_NS,
			.utc_offset_ns = rows[i].utc_offset_s * SECOND_NS,
		};

		assert_int_equal(present_on_that_clock(rows[i].boot, &now),
				 rows[i].then_s * SECOND_NS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(restart_keeps_what_was_consumed, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(service_save_is_the_last_snapshot, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(snapshot_that_is_none_is_put_aside_and_told, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(
			snapshot_that_cannot_be_put_aside_is_not_overwritten, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(service_without_journal_says_why, setup,
						rig_teardown),
		cmocka_unit_test(head_tells_the_present_on_the_clock_of_the_snapshot),
	};

	return cmocka_run_group_tests_name("service saver", tests, rig_random, NULL);
}
