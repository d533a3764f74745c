/* Memory of the engine: exact, bounded, given back, and never taken for a known key. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/failing_memory.h"
#include "unit/engine/kit.h"

static int make_engine(void **state)
{
	*state = kit_engine(10000000);
	return 0;
}

static int free_engine(void **state)
{
	failing_memory_after(-1);
	engine_free(*state);
	assert_int_equal(failing_memory_held(), 0);
	return 0;
}

static const char *number_key(const char *prefix, unsigned number)
{
	static char key[64];

	snprintf(key, sizeof(key), "%s%011u", prefix, number);
	return key;
}

static void engine_check_known_key_takes_no_memory(void **state)
{
	struct engine_change window = kit_put("w", "k*", SLUICE_SLIDING_WINDOW, 5, SECOND_NS);
	uint64_t before, now_ns = START_NS;

	kit_limit(*state, "a", "k", 5);
	kit_apply(*state, &window, START_NS);
	kit_allowed(*state, "k", 1, now_ns);
	before = failing_memory_requests();
	for (int i = 0; i < 1000; i++, now_ns += SECOND_NS / 7) {
		kit_allowed(*state, "k", 1 + i % 3, now_ns);
		kit_allowed(*state, "k", -1, now_ns);
		kit_remaining(*state, "k", 0, now_ns);
	}
	assert_int_equal(failing_memory_requests(), before);
}

static void engine_usage_million_keys_stay_small_and_are_given_back(void **state)
{
	enum { KEYS = 1000000 };
	struct engine_usage empty, full, after;
	int64_t held;

	kit_limit(*state, "a", "k*", 1);
	kit_allowed(*state, "k", 1, START_NS);
	empty = kit_usage(*state);
	held = failing_memory_held();
	for (unsigned i = 0; i < KEYS; i++)
		assert_true(kit_allowed(*state, number_key("keys:", i), 1, START_NS));
	full = kit_usage(*state);
	assert_int_equal(full.keys, KEYS + 1);
	assert_int_equal(full.words, KEYS + 1);
	assert_true(full.bytes / full.keys <= 160);
	/* In debt nothing is forgotten, then everything is. */
	assert_int_equal(kit_sweep(*state, START_NS + SECOND_NS - 1), 0);
	assert_int_equal(kit_sweep(*state, START_NS + SECOND_NS), KEYS + 1);
	after = kit_usage(*state);
	assert_int_equal(after.keys, 0);
	assert_int_equal(after.words, 0);
	assert_true(after.bytes <= empty.bytes);
	assert_true(failing_memory_held() <= held);
}

static void engine_sweep_keeps_debtors_among_the_idle(void **state)
{
	struct engine_change slow =
		kit_put("s", "slow*", SLUICE_TOKEN_BUCKET, 10, 3600 * SECOND_NS);
	uint64_t full, now_ns = START_NS + 10 * SECOND_NS;

	kit_limit(*state, "a", "*", 10);
	kit_apply(*state, &slow, START_NS);
	for (unsigned i = 0; i < 20000; i++)
		kit_allowed(*state, number_key(i % 16 ? "fast" : "slow", i), 4, START_NS);
	full = kit_usage(*state).bytes;
	assert_int_equal(kit_sweep(*state, now_ns), 20000 - 1250);
	assert_int_equal(kit_usage(*state).keys, 1250);
	assert_true(kit_usage(*state).bytes < full);
	/* The index follows the keys down, too. */
	assert_true(kit_usage(*state).cells <= 1250 * 8 + ENGINE_SHARDS * 16);
	for (unsigned i = 0; i < 20000; i += 16)
		assert_int_equal(kit_remaining(*state, number_key("slow", i), 1, now_ns), 6);
}

static void engine_sweep_small_steps_reach_every_key(void **state)
{
	size_t freed = 0;

	kit_limit(*state, "a", "*", 10);
	for (unsigned i = 0; i < 5000; i++)
		kit_allowed(*state, number_key("k", i), 1, START_NS);
	for (int i = 0; i < 100000 && freed < 5000; i++)
		freed += engine_sweep(*state, START_NS + SECOND_NS, 7);
	assert_int_equal(freed, 5000);
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_sweep_settles_old_limits(void **state)
{
	int64_t held;

	kit_limit(*state, "a", "*", 10);
	for (unsigned i = 0; i < 100; i++)
		kit_allowed(*state, number_key("k", i), 10, START_NS);
	for (int round = 0; round < 5; round++) {
		for (uint64_t i = 0; i < 1000; i++)
			kit_limit(*state, number_key("l", (unsigned)i), "none", 10);
		for (uint64_t i = 0; i < 40; i++)
			kit_limit(*state, "a", "*", 100 + i);
		for (uint64_t i = 0; i < 1000; i++)
			kit_delete(*state, number_key("l", (unsigned)i), START_NS);
		kit_sweep(*state, START_NS);
		if (round == 0)
			held = failing_memory_held();
		assert_int_equal(failing_memory_held(), held);
	}
	assert_int_equal(kit_remaining(*state, number_key("k", 7), 0, START_NS), 129);
}

/* Without a sweep nobody may pile up what limits once were. */
static void engine_apply_unswept_changes_take_bounded_memory(void **state)
{
	int64_t held;

	kit_limit(*state, "a", "*", 10);
	kit_allowed(*state, "k", 4, START_NS);
	held = failing_memory_held();
	for (uint64_t i = 0; i < 1000; i++)
		kit_limit(*state, "a", "*", 11 + i);
	assert_true(failing_memory_held() <= held + 70);
	for (unsigned i = 0; i < 40000; i++) {
		kit_limit(*state, "b", "none", 10);
		kit_delete(*state, "b", START_NS);
	}
	assert_true(failing_memory_held() <= held + 70 + 2 * 16384);
	assert_in_range(kit_remaining(*state, "k", 0, START_NS), 1000, 1006);
}

static int check_tenant(struct engine *engine, uint32_t tenant, const char *key, int64_t cost,
			uint64_t now_ns)
{
	struct engine_request request = {.tenant = tenant,
					 .key = key,
					 .key_len = strlen(key),
					 .cost = cost,
					 .now_ns = now_ns};
	struct engine_verdict verdict;
	int err = engine_check(engine, &request, &verdict);

	return err ? err : verdict.allowed ? 0 : -1;
}

static void engine_check_bound_hurts_new_keys_of_its_tenant_only(void **state)
{
	struct engine_change other = kit_put("b", "*", SLUICE_TOKEN_BUCKET, 2, SECOND_NS);
	uint64_t later = START_NS + 2 * SECOND_NS;
	unsigned made = 0;

	kit_limit(*state, "a", "*", 2);
	other.limit.tenant = 1;
	kit_apply(*state, &other, START_NS);
	assert_int_equal(engine_tenant_keys_max(*state, 0, 1000), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(check_tenant(*state, 0, number_key("k", i), 1, START_NS), 0);
	for (unsigned i = 1000; i < 2000; i++)
		assert_int_equal(check_tenant(*state, 0, number_key("k", i), 1, START_NS),
				 ENGINE_E_KEYS_MAX);
	/* A refused check needs no state, so there is nothing to fail. */
	assert_int_equal(check_tenant(*state, 0, "new", 3, START_NS), -1);
	/* Known keys and other tenants go on. */
	for (unsigned i = 0; i < 1000; i++) {
		const char *key = number_key("k", i);

		assert_int_equal(check_tenant(*state, 0, key, 1, START_NS), 0);
		assert_int_equal(check_tenant(*state, 0, key, 1, START_NS), -1);
		assert_int_equal(check_tenant(*state, 1, key, 1, START_NS), 0);
	}
	assert_int_equal(kit_usage(*state).keys, 2000);
	/* Idle keys make room without a sweep. */
	for (unsigned i = 1000; i < 2000; i++)
		made += check_tenant(*state, 0, number_key("k", i), 1, later) == 0;
	assert_int_equal(made, 1000);
	assert_int_equal(check_tenant(*state, 0, "k1", 1, later), ENGINE_E_KEYS_MAX);
	assert_true(kit_usage(*state).keys <= 2000);
}

static int peek(struct engine *engine, const char *key, int64_t cost, uint64_t now_ns)
{
	struct engine_request request = {
		.key = key, .key_len = strlen(key), .cost = cost, .peek = true, .now_ns = now_ns};
	struct engine_verdict verdict;
	int err = engine_check(engine, &request, &verdict);

	return err ? err : verdict.allowed ? 0 : -1;
}

static void engine_check_peek_at_the_bound_says_what_the_check_would(void **state)
{
	struct engine_change shadow = kit_put("s", "watched", SLUICE_TOKEN_BUCKET, 2, SECOND_NS);

	shadow.limit.mode = ENGINE_SHADOW;
	kit_apply(*state, &shadow, START_NS);
	kit_limit(*state, "a", "k*", 2);
	assert_int_equal(engine_tenant_keys_max(*state, 0, 1), 0);
	assert_int_equal(peek(*state, "k1", 1, START_NS), 0);
	assert_true(kit_allowed(*state, "k1", 1, START_NS));
	assert_int_equal(peek(*state, "k1", 1, START_NS), 0);
	assert_int_equal(peek(*state, "k2", 1, START_NS), ENGINE_E_KEYS_MAX);
	/* What needs no state passes or is refused as ever. */
	assert_int_equal(peek(*state, "k2", 3, START_NS), -1);
	assert_int_equal(peek(*state, "k2", 0, START_NS), 0);
	assert_int_equal(peek(*state, "other", 1, START_NS), 0);
	assert_int_equal(peek(*state, "watched", 1, START_NS), 0);
	/* Making room is no consumption. */
	assert_int_equal(peek(*state, "k2", 1, START_NS + SECOND_NS), 0);
	assert_true(kit_allowed(*state, "k2", 1, START_NS + SECOND_NS));
}

/* One idle key among debtors is found, though in bounded steps. */
static void engine_check_idle_key_makes_room_wherever_it_is(void **state)
{
	enum { KEYS = 30000 };
	struct engine_change slow = kit_put("b", "slow*", SLUICE_TOKEN_BUCKET, 1, 3600 * SECOND_NS);
	uint64_t now_ns = START_NS;
	unsigned looks = 0, cells;
	int err;

	kit_limit(*state, "a", "fast*", 2);
	kit_apply(*state, &slow, now_ns);
	assert_int_equal(engine_tenant_keys_max(*state, 0, KEYS), 0);
	for (unsigned i = 1; i < KEYS; i++)
		assert_true(kit_allowed(*state, number_key("slow", i), 1, now_ns));
	cells = (unsigned)kit_usage(*state).cells;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(kit_allowed(*state, number_key("fast", i), 1, now_ns));
		assert_int_equal(check_tenant(*state, 0, "fast", 1, now_ns), ENGINE_E_KEYS_MAX);
		now_ns += SECOND_NS;
		while ((err = check_tenant(*state, 0, number_key("fast", i + 1), 1, now_ns))) {
			assert_int_equal(err, ENGINE_E_KEYS_MAX);
			/* While the clock stands still there is one look. */
			assert_int_equal(check_tenant(*state, 0, "fast", 1, now_ns),
					 ENGINE_E_KEYS_MAX);
			now_ns += 1000 * 1000;
			looks++;
		}
		now_ns += SECOND_NS;
	}
	/* A thousand cells a millisecond. */
	assert_in_range(looks, 10 * cells / 1000 / 4, 10 * cells / 1000);
}

static void engine_tenant_keys_max_lower_keeps_live_keys(void **state)
{
	kit_limit(*state, "a", "*", 2);
	assert_true(kit_allowed(*state, "k1", 1, START_NS));
	assert_true(kit_allowed(*state, "k2", 1, START_NS));
	assert_int_equal(engine_tenant_keys_max(*state, 0, 1), 0);
	assert_true(kit_allowed(*state, "k1", 1, START_NS));
	assert_true(kit_allowed(*state, "k2", 1, START_NS));
	assert_int_equal(check_tenant(*state, 0, "k3", 1, START_NS), ENGINE_E_KEYS_MAX);
	assert_int_equal(engine_tenant_keys_max(*state, 0, 3), 0);
	assert_true(kit_allowed(*state, "k3", 1, START_NS));
}

static void engine_keys_max_holds_for_tenants_there_are_and_to_come(void **state)
{
	struct engine_change other = kit_put("b", "*", 2, 1, SECOND_NS);

	kit_limit(*state, "a", "*", 2);
	assert_int_equal(engine_tenant_keys_max(*state, 0, 9), 0);
	engine_keys_max(*state, 1);
	other.limit.tenant = 7;
	assert_int_equal(engine_apply(*state, &other, 1, START_NS), 0);
	for (unsigned int tenant = 0; tenant <= 7; tenant += 7) {
		assert_int_equal(check_tenant(*state, tenant, "k1", 1, START_NS), 0);
		assert_int_equal(check_tenant(*state, tenant, "k2", 1, START_NS),
				 ENGINE_E_KEYS_MAX);
	}
}

static void engine_check_flood_at_the_bound_consumes_nothing(void **state)
{
	struct engine_limit_stats stats;

	kit_limit(*state, "a", "*", 2);
	assert_int_equal(engine_tenant_keys_max(*state, 0, 1), 0);
	assert_true(kit_allowed(*state, "k1", 1, START_NS));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(check_tenant(*state, 0, number_key("x", i), 1, START_NS),
				 ENGINE_E_KEYS_MAX);
	assert_int_equal(engine_limit_stats(*state, "a", &stats), 0);
	assert_int_equal(stats.allowed, 1);
	assert_int_equal(stats.denied, 0);
}

static void engine_new_without_memory_fails_cleanly(void **state)
{
	struct engine_config config = {.keys_max = 1};
	struct engine *engine;

	failing_memory_after(0);
	assert_int_equal(engine_new(&config, &engine), -ENOMEM);
}

/* Fails each request in turn until the check needs no more of them. */
static void engine_check_without_memory_consumes_nothing(void **state)
{
	unsigned failures = 0;

	kit_limit(*state, "a", "k*", 10);
	kit_limit(*state, "b", "*", 10);
	/* Room for each key once: a failure must not use it up. */
	assert_int_equal(engine_tenant_keys_max(*state, 0, 5000), 0);
	for (unsigned i = 0; i < 5000; i++) {
		const char *key = number_key("k", i);

		for (int64_t after = 0;; after++) {
			struct engine_usage before = kit_usage(*state);
			struct engine_verdict verdict;
			int err;

			failing_memory_after(after);
			err = kit_check(*state, key, 4, START_NS, &verdict);
			failing_memory_after(-1);
			if (err == 0)
				break;
			assert_int_equal(err, -ENOMEM);
			failures++;
			assert_int_equal(kit_usage(*state).keys, before.keys);
			assert_int_equal(kit_usage(*state).words, before.words);
			assert_int_equal(kit_remaining(*state, key, 0, START_NS), 10);
		}
		assert_int_equal(kit_remaining(*state, key, 0, START_NS), 6);
		assert_int_equal(kit_remaining(*state, key, 1, START_NS), 6);
	}
	assert_true(failures > 64 * 3);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(kit_remaining(*state, number_key("k", i), 1, START_NS), 6);
}

/* A key that more limits cover than before needs a longer run of words. */
static void engine_check_without_memory_to_carry_over_keeps_the_key(void **state)
{
	unsigned failures = 0;
	char id[16];

	kit_limit(*state, "a", "k*", 10);
	assert_true(kit_allowed(*state, "k", 4, START_NS));
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "l%d", i);
		kit_limit(*state, id, "*", 100);
		for (int64_t after = 0;; after++) {
			struct engine_verdict verdict;
			int err;

			failing_memory_after(after);
			err = kit_check(*state, "k", 0, START_NS, &verdict);
			engine_sweep(*state, START_NS, 10000);
			failing_memory_after(-1);
			if (err == 0)
				break;
			assert_int_equal(err, -ENOMEM);
			failures++;
		}
		assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 6);
	}
	assert_true(failures > 10);
}

static void engine_apply_without_memory_changes_nothing(void **state)
{
	struct engine_change changes[] = {
		kit_put("a", "k*", SLUICE_FIXED_WINDOW, 50, 7 * SECOND_NS),
		kit_put("new", "*", SLUICE_TOKEN_BUCKET, 5, SECOND_NS),
		{.op = ENGINE_RESET, .limit = {.id = "b"}},
		{.op = ENGINE_DELETE, .limit = {.id = "c"}},
		kit_put("other", "x*", SLUICE_TOKEN_BUCKET, 5, SECOND_NS),
	};
	int64_t after;
	int err = -ENOMEM;

	changes[4].limit.tenant = 9;
	kit_limit(*state, "a", "k*", 10);
	kit_limit(*state, "b", "k", 10);
	kit_limit(*state, "c", "*", 10);
	assert_true(kit_allowed(*state, "k", 4, START_NS));
	for (after = 0; err; after++) {
		failing_memory_after(after);
		err = engine_apply(*state, changes, 5, START_NS);
		failing_memory_after(-1);
		if (err == 0)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(kit_usage(*state).limits, 3);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(kit_remaining(*state, "k", i, START_NS), 6);
	}
	assert_true(after >= 8);
	assert_int_equal(kit_usage(*state).limits, 4);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 46);
	assert_int_equal(kit_remaining(*state, "k", 1, START_NS), 10);
	assert_int_equal(kit_remaining(*state, "k", 2, START_NS), 5);
}

/* Slabs of words come from the configuration and are all given back. */
static int64_t slabs_held;

static void *map_slab(void *context, size_t bytes)
{
	assert_ptr_equal(context, &slabs_held);
	assert_int_equal(bytes, ENGINE_SLAB_BYTES);
	slabs_held++;
	return memset(aligned_alloc(64, bytes), 0, bytes);
}

static void unmap_slab(void *context, void *slab, size_t bytes)
{
	assert_int_equal(bytes, ENGINE_SLAB_BYTES);
	slabs_held--;
	free(slab);
}

static void engine_new_takes_words_from_the_given_slabs(void **state)
{
	struct engine_slab_ops ops = {.map = map_slab, .unmap = unmap_slab, .context = &slabs_held};
	struct engine_config config = {.keys_max = 100000, .slabs = &ops};
	struct engine *engine;

	assert_int_equal(engine_new(&config, &engine), 0);
	kit_limit(engine, "a", "*", 10);
	for (unsigned i = 0; i < 10000; i++)
		assert_true(kit_allowed(engine, number_key("k", i), 1, START_NS));
	assert_in_range(slabs_held, 1, 64);
	kit_sweep(engine, START_NS + SECOND_NS);
	assert_int_equal(slabs_held, 0);
	assert_true(kit_allowed(engine, "k", 1, START_NS));
	assert_int_equal(slabs_held, 1);
	engine_free(engine);
	assert_int_equal(slabs_held, 0);
}

#define engine_test(name) cmocka_unit_test_setup_teardown(name, make_engine, free_engine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(engine_check_known_key_takes_no_memory),
		engine_test(engine_usage_million_keys_stay_small_and_are_given_back),
		engine_test(engine_sweep_keeps_debtors_among_the_idle),
		engine_test(engine_sweep_small_steps_reach_every_key),
		engine_test(engine_sweep_settles_old_limits),
		engine_test(engine_apply_unswept_changes_take_bounded_memory),
		engine_test(engine_check_bound_hurts_new_keys_of_its_tenant_only),
		engine_test(engine_check_peek_at_the_bound_says_what_the_check_would),
		engine_test(engine_check_idle_key_makes_room_wherever_it_is),
		engine_test(engine_tenant_keys_max_lower_keeps_live_keys),
		engine_test(engine_keys_max_holds_for_tenants_there_are_and_to_come),
		engine_test(engine_check_flood_at_the_bound_consumes_nothing),
		engine_test(engine_new_without_memory_fails_cleanly),
		engine_test(engine_check_without_memory_consumes_nothing),
		engine_test(engine_check_without_memory_to_carry_over_keeps_the_key),
		engine_test(engine_apply_without_memory_changes_nothing),
		engine_test(engine_new_takes_words_from_the_given_slabs),
	};

	return cmocka_run_group_tests_name("engine memory", tests, NULL, NULL);
}
