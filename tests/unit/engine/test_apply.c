/* Changes of limits: at once, all or nothing, keeping what was consumed. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "unit/engine/kit.h"

static int make_engine(void **state)
{
	*state = kit_engine(1000000);
	return 0;
}

static int free_engine(void **state)
{
	engine_free(*state);
	return 0;
}

static void change_limit(struct engine *engine, uint32_t algorithm, uint64_t limit,
			 uint64_t interval_ns, uint64_t now_ns)
{
	struct engine_change change = kit_put("a", "k*", algorithm, limit, interval_ns);

	kit_apply(engine, &change, now_ns);
}

static void engine_apply_new_limit_keeps_consumption(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 8, START_NS));
	change_limit(*state, SLUICE_TOKEN_BUCKET, 100, SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 92);
	change_limit(*state, SLUICE_TOKEN_BUCKET, 9, SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 1);
	change_limit(*state, SLUICE_TOKEN_BUCKET, 5, SECOND_NS, START_NS);
	assert_false(kit_allowed(*state, "k", 1, START_NS));
}

static void engine_apply_new_interval_and_algorithm_keep_consumption(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 4, START_NS));
	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, 3600 * SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 6);
	change_limit(*state, SLUICE_FIXED_WINDOW, 10, 3600 * SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 6);
	change_limit(*state, SLUICE_SLIDING_WINDOW, 20, 60 * SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 16);
	change_limit(*state, SLUICE_TOKEN_BUCKET, 20, 60 * SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 16);
}

/* What counts is when the limit changed, not when the key is next asked for. */
static void engine_apply_converts_as_of_the_change(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 100, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 100, START_NS));
	change_limit(*state, SLUICE_TOKEN_BUCKET, 100, 86400 * SECOND_NS, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS + 10 * SECOND_NS), 0);
	assert_false(kit_allowed(*state, "k", 1, START_NS + 10 * SECOND_NS));
}

static void engine_apply_many_changes_between_checks_add_up(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 1000, 3600 * SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 500, START_NS));
	for (uint64_t i = 0; i < 300; i++)
		change_limit(*state, SLUICE_TOKEN_BUCKET, 1001 + i, 3600 * SECOND_NS, START_NS);
	assert_in_range(kit_remaining(*state, "k", 0, START_NS), 1300 - 503, 1300 - 500);
}

static void engine_apply_delete_and_recreate_starts_fresh(void **state)
{
	for (int carried = 0; carried < 2; carried++) {
		change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
		assert_true(kit_allowed(*state, "k", 10, START_NS));
		kit_delete(*state, "a", START_NS);
		if (carried)
			assert_true(kit_allowed(*state, "k", 10, START_NS));
		change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
		assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 10);
	}
}

static void engine_apply_delete_and_put_in_one_batch_starts_fresh(void **state)
{
	struct engine_change changes[] = {
		{.op = ENGINE_DELETE, .limit = {.id = "a"}},
		kit_put("a", "k*", SLUICE_TOKEN_BUCKET, 10, SECOND_NS),
	};

	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 10, START_NS));
	assert_int_equal(engine_apply(*state, changes, 2, START_NS), 0);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 10);
	assert_int_equal(kit_usage(*state).limits, 1);
}

static void engine_apply_put_and_delete_in_one_batch_leaves_nothing(void **state)
{
	struct engine_change changes[] = {
		kit_put("a", "k*", SLUICE_TOKEN_BUCKET, 10, SECOND_NS),
		kit_put("a", "k", SLUICE_TOKEN_BUCKET, 20, SECOND_NS),
		{.op = ENGINE_RESET, .limit = {.id = "a"}},
		{.op = ENGINE_DELETE, .limit = {.id = "a"}},
	};
	struct engine_limit_stats stats;

	assert_int_equal(engine_apply(*state, changes, 4, START_NS), 0);
	assert_int_equal(kit_usage(*state).limits, 0);
	assert_int_equal(engine_limit_stats(*state, "a", &stats), ENGINE_E_NOT_FOUND);
}

static void engine_apply_deleted_limit_covers_nothing(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 1, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 1, START_NS));
	kit_delete(*state, "a", START_NS);
	assert_true(kit_allowed(*state, "k", 1, START_NS));
	/* Its only limit gone, the key has no state any more. */
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_apply_slot_reuse_mixes_no_consumption(void **state)
{
	char id[16], pattern[16];

	kit_limit(*state, "keep", "*", 1000);
	for (int round = 0; round < 20; round++) {
		snprintf(id, sizeof(id), "id%d", round);
		snprintf(pattern, sizeof(pattern), "%s*", round % 2 ? "k" : "ke");
		kit_limit(*state, id, pattern, 10);
		assert_int_equal(kit_remaining(*state, "key", 1, START_NS), 10);
		assert_true(kit_allowed(*state, "key", 10, START_NS));
		assert_false(kit_allowed(*state, "key", 1, START_NS));
		kit_delete(*state, id, START_NS);
		if (round % 3 == 0)
			kit_sweep(*state, START_NS);
	}
	assert_int_equal(kit_usage(*state).words, 2);
	kit_sweep(*state, START_NS);
	assert_int_equal(kit_usage(*state).words, 1);
	assert_int_equal(kit_remaining(*state, "key", 0, START_NS), 800);
}

static void engine_apply_reset_forgets_all_keys_of_one_limit(void **state)
{
	struct engine_change reset = {.op = ENGINE_RESET, .limit = {.id = "a"}};

	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	kit_limit(*state, "b", "*", 10);
	assert_true(kit_allowed(*state, "k1", 10, START_NS));
	assert_true(kit_allowed(*state, "k2", 10, START_NS));
	kit_apply(*state, &reset, START_NS);
	assert_int_equal(kit_remaining(*state, "k1", 0, START_NS), 10);
	assert_int_equal(kit_remaining(*state, "k1", 1, START_NS), 0);
	assert_int_equal(kit_remaining(*state, "k2", 0, START_NS), 10);
	/* Only what was consumed before it. */
	assert_int_equal(engine_reset_key(*state, "b", "k1", 2, START_NS), 0);
	assert_true(kit_allowed(*state, "k1", 4, START_NS));
	kit_sweep(*state, START_NS);
	assert_int_equal(kit_remaining(*state, "k1", 0, START_NS), 6);
}

static void engine_apply_new_limit_covers_live_keys(void **state)
{
	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "k", 4, START_NS));
	kit_limit(*state, "b", "*", 3);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 6);
	assert_int_equal(kit_remaining(*state, "k", 1, START_NS), 3);
	assert_false(kit_allowed(*state, "k", 4, START_NS));
}

static void engine_apply_new_pattern_keeps_keys_that_still_match(void **state)
{
	struct engine_change change = kit_put("a", "*y", SLUICE_TOKEN_BUCKET, 10, SECOND_NS);
	struct engine_verdict verdict;

	change_limit(*state, SLUICE_TOKEN_BUCKET, 10, SECOND_NS, START_NS);
	assert_true(kit_allowed(*state, "key", 4, START_NS));
	assert_true(kit_allowed(*state, "k", 4, START_NS));
	kit_apply(*state, &change, START_NS);
	assert_int_equal(kit_remaining(*state, "key", 0, START_NS), 6);
	assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, 0);
}

static void engine_apply_bad_change_changes_nothing(void **state)
{
	struct engine_change good = kit_put("new", "*", SLUICE_TOKEN_BUCKET, 1, SECOND_NS);
	struct engine_change bad[4] = {
		kit_put("b", "a\\", SLUICE_TOKEN_BUCKET, 1, SECOND_NS),
		kit_put("b", "", SLUICE_TOKEN_BUCKET, 1, SECOND_NS),
		{.op = ENGINE_DELETE, .limit = {.id = "none"}},
		{.op = ENGINE_RESET, .limit = {.id = "none"}},
	};
	static const int results[] = {ENGINE_E_PATTERN, ENGINE_E_KEY, ENGINE_E_NOT_FOUND,
				      ENGINE_E_NOT_FOUND};

	for (int i = 0; i < 4; i++) {
		struct engine_change changes[] = {good, bad[i]};

		assert_int_equal(engine_apply(*state, changes, 2, START_NS), results[i]);
		assert_int_equal(kit_usage(*state).limits, 0);
		assert_true(kit_allowed(*state, "k", 5, START_NS));
	}
}

static double time_changes(struct engine *engine, int n)
{
	struct timespec from, to;
	char id[16];

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "l%d", i);
		kit_limit(engine, id, id, 10);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void engine_apply_many_single_changes_take_no_time_per_key(void **state)
{
	char key[16];

	kit_limit(*state, "all", "k*", 10);
	for (int i = 0; i < 200000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		kit_allowed(*state, key, 1, START_NS);
	}
	/* A look at each key for each change would take minutes; sanitizers take their share. */
	assert_true(time_changes(*state, 10000) < 2.0);
	assert_true(kit_allowed(*state, "k5", 9, START_NS));
	assert_false(kit_allowed(*state, "k5", 1, START_NS));
}

#define engine_test(name) cmocka_unit_test_setup_teardown(name, make_engine, free_engine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(engine_apply_new_limit_keeps_consumption),
		engine_test(engine_apply_new_interval_and_algorithm_keep_consumption),
		engine_test(engine_apply_converts_as_of_the_change),
		engine_test(engine_apply_many_changes_between_checks_add_up),
		engine_test(engine_apply_delete_and_recreate_starts_fresh),
		engine_test(engine_apply_delete_and_put_in_one_batch_starts_fresh),
		engine_test(engine_apply_put_and_delete_in_one_batch_leaves_nothing),
		engine_test(engine_apply_deleted_limit_covers_nothing),
		engine_test(engine_apply_slot_reuse_mixes_no_consumption),
		engine_test(engine_apply_reset_forgets_all_keys_of_one_limit),
		engine_test(engine_apply_new_limit_covers_live_keys),
		engine_test(engine_apply_new_pattern_keeps_keys_that_still_match),
		engine_test(engine_apply_bad_change_changes_nothing),
		engine_test(engine_apply_many_single_changes_take_no_time_per_key),
	};

	return cmocka_run_group_tests_name("engine apply", tests, NULL, NULL);
}
