/* What a check answers and consumes. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/kit.h"

static int make_engine(void **state)
{
	*state = kit_engine(1000);
	return 0;
}

static int free_engine(void **state)
{
	engine_free(*state);
	return 0;
}

static void put_mode(struct engine *engine, const char *id, const char *pattern, uint64_t limit,
		     enum engine_mode mode)
{
	struct engine_change change = kit_put(id, pattern, SLUICE_TOKEN_BUCKET, limit, SECOND_NS);

	change.limit.mode = mode;
	kit_apply(engine, &change, START_NS);
}

static struct engine_limit_stats read_stats(struct engine *engine, const char *id)
{
	struct engine_limit_stats stats;

	assert_int_equal(engine_limit_stats(engine, id, &stats), 0);
	return stats;
}

static void engine_check_uncovered_key_is_allowed_without_state(void **state)
{
	struct engine_verdict verdict;

	kit_limit(*state, "a", "user:*", 5);
	assert_int_equal(kit_check(*state, "other", 1, START_NS, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(verdict.count, 0);
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_check_exact_key_admits_its_limit(void **state)
{
	struct engine_verdict verdict;

	kit_limit(*state, "a", "user123", 1000);
	assert_int_equal(kit_check(*state, "user123", 1, START_NS, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(verdict.count, 1);
	assert_string_equal(verdict.hits[0].id, "a");
	assert_int_equal(verdict.hits[0].limit, 1000);
	assert_int_equal(verdict.hits[0].burst, 1000);
	assert_int_equal(verdict.hits[0].interval_ns, SECOND_NS);
	assert_int_equal(verdict.hits[0].figures.remaining, 999);
	assert_int_equal(verdict.hits[0].figures.retry_after_ns, 0);
	assert_int_equal(verdict.hits[0].figures.reset_after_ns, 1000000);
	for (int i = 0; i < 999; i++)
		assert_true(kit_allowed(*state, "user123", 1, START_NS));
	assert_int_equal(kit_check(*state, "user123", 1, START_NS, &verdict), 0);
	assert_false(verdict.allowed);
	assert_true(verdict.hits[0].refused);
	assert_int_equal(verdict.hits[0].figures.retry_after_ns, 1000000);
	assert_true(kit_allowed(*state, "user123", 1, START_NS + 1000000));
}

static void engine_check_each_key_of_a_pattern_has_its_bucket(void **state)
{
	kit_limit(*state, "a", "u*:\\*", 1);
	assert_true(kit_allowed(*state, "u1:*", 1, START_NS));
	assert_true(kit_allowed(*state, "u2:*", 1, START_NS));
	assert_false(kit_allowed(*state, "u1:*", 1, START_NS));
	assert_true(kit_allowed(*state, "u1:x", 1, START_NS));
	assert_true(kit_allowed(*state, "u1:x", 1, START_NS));
}

static void engine_check_tenants_share_nothing(void **state)
{
	struct engine_change change = kit_put("b", "k", SLUICE_TOKEN_BUCKET, 1, SECOND_NS);
	struct engine_request request = {
		.tenant = 7, .key = "k", .key_len = 1, .cost = 1, .now_ns = START_NS};
	struct engine_verdict verdict;

	kit_limit(*state, "a", "k", 1);
	change.limit.tenant = 7;
	kit_apply(*state, &change, START_NS);
	assert_true(kit_allowed(*state, "k", 1, START_NS));
	assert_false(kit_allowed(*state, "k", 1, START_NS));
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(verdict.count, 1);
	assert_string_equal(verdict.hits[0].id, "b");
	request.tenant = 8;
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
	assert_int_equal(verdict.count, 0);
}

static void engine_check_hits_stand_in_order_of_creation(void **state)
{
	struct engine_verdict verdict;

	kit_limit(*state, "z", "ab*", 9);
	kit_limit(*state, "y", "abc", 9);
	kit_limit(*state, "x", "*", 9);
	kit_limit(*state, "w", "*c", 9);
	kit_limit(*state, "y", "abc", 8); /* changing one does not move it */
	assert_int_equal(kit_check(*state, "abc", 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(verdict.hits[i].id[0], 'z' - (int)i);
}

static void engine_check_refused_new_key_makes_no_state(void **state)
{
	kit_limit(*state, "wide", "*", 100);
	kit_limit(*state, "narrow", "k*", 3);
	assert_false(kit_allowed(*state, "k", 4, START_NS));
	assert_int_equal(kit_usage(*state).keys, 0);
}

/* Whichever of the limits refuses, no other one is charged. */
static void engine_check_refused_charges_no_limit(void **state)
{
	for (int narrow = 0; narrow < 3; narrow++) {
		struct engine *engine = kit_engine(1000);
		struct engine_verdict verdict;

		for (int i = 0; i < 3; i++) {
			char id[2] = {(char)('a' + i), 0};

			kit_limit(engine, id, i == 1 ? "k*" : "k", i == narrow ? 3 : 100);
		}
		for (int i = 0; i < 10; i++) {
			assert_int_equal(kit_check(engine, "k", 1, START_NS, &verdict), 0);
			assert_int_equal(verdict.allowed, i < 3);
			for (int j = 0; j < 3; j++)
				assert_int_equal(verdict.hits[j].refused, i >= 3 && j == narrow);
		}
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(kit_remaining(engine, "k", i, START_NS),
					 (int)i == narrow ? 0 : 97);
		engine_free(engine);
	}
}

static void engine_check_counts_refusing_limits_only(void **state)
{
	kit_limit(*state, "wide", "k*", 100);
	kit_limit(*state, "narrow", "k", 3);
	for (int i = 0; i < 10; i++)
		kit_allowed(*state, "k", 1, START_NS);
	assert_int_equal(read_stats(*state, "wide").allowed, 3);
	assert_int_equal(read_stats(*state, "wide").denied, 0);
	assert_int_equal(read_stats(*state, "narrow").allowed, 3);
	assert_int_equal(read_stats(*state, "narrow").denied, 7);
}

static void engine_check_peek_consumes_and_counts_nothing(void **state)
{
	struct engine_request request = {
		.key = "k", .key_len = 1, .cost = 1, .peek = true, .now_ns = START_NS};
	struct engine_verdict verdict;

	kit_limit(*state, "a", "k", 2);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(engine_check(*state, &request, &verdict), 0);
		assert_true(verdict.allowed);
		assert_int_equal(verdict.hits[0].figures.remaining, 2);
	}
	assert_int_equal(kit_usage(*state).keys, 0);
	request.cost = 3;
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
	assert_false(verdict.allowed);
	assert_true(verdict.hits[0].figures.retry_after_ns == SLUICE_NEVER);
	assert_true(kit_allowed(*state, "k", 2, START_NS));
	request.cost = 1;
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
	assert_false(verdict.allowed);
	assert_int_equal(verdict.hits[0].figures.retry_after_ns, SECOND_NS / 2);
	assert_int_equal(read_stats(*state, "a").allowed, 1);
	assert_int_equal(read_stats(*state, "a").denied, 0);
	/* A peek of a refund changes nothing either. */
	request.cost = -2;
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 0);
}

static void engine_check_refund_gives_back_to_every_limit(void **state)
{
	struct engine_change window = kit_put("b", "k*", SLUICE_FIXED_WINDOW, 20, 60 * SECOND_NS);

	kit_limit(*state, "a", "k", 10);
	kit_apply(*state, &window, START_NS);
	assert_true(kit_allowed(*state, "k", 10, START_NS));
	assert_false(kit_allowed(*state, "k", 1, START_NS));
	assert_true(kit_allowed(*state, "k", -4, START_NS));
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 4);
	assert_int_equal(kit_remaining(*state, "k", 1, START_NS), 14);
	/* More than was taken gives back no more than that. */
	assert_true(kit_allowed(*state, "k", -1000, START_NS));
	assert_true(kit_allowed(*state, "k", INT64_MIN, START_NS));
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 10);
	assert_int_equal(kit_remaining(*state, "k", 1, START_NS), 20);
	assert_int_equal(read_stats(*state, "a").allowed, 1);
}

static void engine_check_refund_of_unknown_key_makes_no_state(void **state)
{
	kit_limit(*state, "a", "k*", 10);
	assert_true(kit_allowed(*state, "k", -4, START_NS));
	assert_int_equal(kit_usage(*state).keys, 0);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 10);
}

static void engine_check_cost_zero_passes_and_writes_nothing(void **state)
{
	kit_limit(*state, "a", "k*", 1);
	assert_true(kit_allowed(*state, "k", 0, START_NS));
	assert_int_equal(kit_usage(*state).keys, 0);
	assert_true(kit_allowed(*state, "k", 1, START_NS));
	assert_true(kit_allowed(*state, "k", 0, START_NS));
	assert_int_equal(read_stats(*state, "a").allowed, 1);
}

static void engine_check_cost_above_burst_is_never_possible(void **state)
{
	static const int64_t costs[] = {11, 1000000, INT64_MAX};
	struct engine_verdict verdict;

	kit_limit(*state, "a", "k", 10);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kit_check(*state, "k", costs[i], START_NS, &verdict), 0);
		assert_false(verdict.allowed);
		assert_true(verdict.hits[0].figures.retry_after_ns == SLUICE_NEVER);
	}
	/* A refusal remembers nothing. */
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_check_shadow_counts_and_never_denies(void **state)
{
	struct engine_verdict verdict;

	put_mode(*state, "s", "k*", 2, ENGINE_SHADOW);
	kit_limit(*state, "e", "k", 5);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), 0);
		assert_int_equal(verdict.allowed, i < 5);
		assert_int_equal(verdict.hits[0].refused, i >= 2);
		assert_int_equal(verdict.hits[0].mode, ENGINE_SHADOW);
	}
	assert_int_equal(read_stats(*state, "s").allowed, 2);
	assert_int_equal(read_stats(*state, "s").denied, 8);
	assert_int_equal(read_stats(*state, "e").allowed, 5);
}

static void engine_check_denied_charges_no_shadow(void **state)
{
	put_mode(*state, "s", "k*", 100, ENGINE_SHADOW);
	kit_limit(*state, "e", "k", 5);
	for (int i = 0; i < 10; i++)
		kit_allowed(*state, "k", 1, START_NS);
	assert_int_equal(kit_remaining(*state, "k", 0, START_NS), 95);
	assert_int_equal(read_stats(*state, "s").allowed, 5);
	assert_int_equal(read_stats(*state, "s").denied, 0);
}

static void engine_check_shadow_alone_refusing_makes_no_state(void **state)
{
	put_mode(*state, "s", "k*", 2, ENGINE_SHADOW);
	assert_true(kit_allowed(*state, "k", 3, START_NS));
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_check_shadow_alone_never_denies_at_the_bound_of_keys(void **state)
{
	struct engine *engine = kit_engine(1);
	struct engine_verdict verdict;

	(void)state;
	put_mode(engine, "watch", "s*", 5, ENGINE_SHADOW);
	put_mode(engine, "deny", "*both", 5, ENGINE_ENFORCE);
	assert_true(kit_allowed(engine, "s1", 1, START_NS));
	assert_int_equal(kit_check(engine, "s2", 1, START_NS, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(verdict.hits[0].figures.remaining, 5);
	assert_int_equal(kit_check(engine, "s both", 1, START_NS, &verdict), ENGINE_E_KEYS_MAX);
	assert_int_equal(kit_usage(engine).keys, 1);
	assert_int_equal(read_stats(engine, "watch").allowed, 2);
	engine_free(engine);
}

static void engine_check_off_neither_counts_nor_denies_and_keeps(void **state)
{
	struct engine_verdict verdict;

	kit_limit(*state, "a", "k", 3);
	assert_true(kit_allowed(*state, "k", 3, START_NS));
	put_mode(*state, "a", "k", 3, ENGINE_OFF);
	assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), 0);
	assert_true(verdict.allowed);
	assert_int_equal(verdict.count, 0);
	assert_int_equal(read_stats(*state, "a").allowed, 1);
	put_mode(*state, "a", "k", 3, ENGINE_ENFORCE);
	assert_false(kit_allowed(*state, "k", 1, START_NS));
}

static void engine_check_off_alone_makes_no_state(void **state)
{
	put_mode(*state, "a", "k*", 3, ENGINE_OFF);
	assert_true(kit_allowed(*state, "k", 1, START_NS));
	assert_int_equal(kit_usage(*state).keys, 0);
}

static void engine_check_bad_key_is_an_outcome(void **state)
{
	struct engine_request request = {.key = "", .cost = 1, .now_ns = START_NS};
	char text[ENGINE_KEY_MAX + 1];
	struct engine_verdict verdict;

	memset(text, 'k', sizeof(text));
	kit_limit(*state, "a", "k*", 3);
	assert_int_equal(engine_check(*state, &request, &verdict), ENGINE_E_KEY);
	request.key = text;
	request.key_len = sizeof(text);
	assert_int_equal(engine_check(*state, &request, &verdict), ENGINE_E_KEY);
	request.key_len = ENGINE_KEY_MAX;
	assert_int_equal(engine_check(*state, &request, &verdict), 0);
}

static void engine_check_more_limits_than_fit_is_an_outcome(void **state)
{
	struct engine_verdict verdict;
	char id[8];

	for (int i = 0; i < ENGINE_MATCH_MAX; i++) {
		snprintf(id, sizeof(id), "l%d", i);
		kit_limit(*state, id, "k*", 100);
	}
	assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, ENGINE_MATCH_MAX);
	kit_limit(*state, "more", "*", 100);
	/* A known key and a new one. */
	assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), ENGINE_E_MATCH_MAX);
	assert_int_equal(kit_check(*state, "k2", 1, START_NS, &verdict), ENGINE_E_MATCH_MAX);
	kit_delete(*state, "l7", START_NS);
	assert_int_equal(kit_check(*state, "k", 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, ENGINE_MATCH_MAX);
	assert_int_equal(verdict.hits[0].figures.remaining, 98);
	assert_string_equal(verdict.hits[63].id, "more");
	assert_int_equal(verdict.hits[63].figures.remaining, 99);
}

static void engine_check_window_is_fresh_after_any_jump(void **state)
{
	static const uint64_t jumps[] = {2,     3,      100,    32767,    32768,   32769,
					 43200, 65534,  65535,  65536,    65537,   131072,
					 86400, 604800, 655360, 31536000, 31539200};
	static const uint32_t algorithms[] = {SLUICE_FIXED_WINDOW, SLUICE_SLIDING_WINDOW};

	for (int a = 0; a < 2; a++)
		for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
			for (int offset = -1; offset <= 1; offset++) {
				struct engine *engine = kit_engine(10);
				uint64_t now_ns = START_NS + SECOND_NS / 2;
				struct engine_change change =
					kit_put("a", "k", algorithms[a], 3, SECOND_NS);

				kit_apply(engine, &change, now_ns);
				assert_true(kit_allowed(engine, "k", 3, now_ns));
				assert_false(kit_allowed(engine, "k", 1, now_ns));
				now_ns += jumps[i] * SECOND_NS + (uint64_t)offset;
				assert_int_equal(kit_remaining(engine, "k", 0, now_ns), 3);
				assert_true(kit_allowed(engine, "k", 3, now_ns));
				assert_false(kit_allowed(engine, "k", 1, now_ns));
				engine_free(engine);
			}
}

/* The word of a limit that nothing charges must not come alive when its number repeats. */
static void engine_check_unwritten_neighbour_window_stays_empty(void **state)
{
	struct engine_change shadow = kit_put("s", "k", SLUICE_FIXED_WINDOW, 3, 1000000);
	struct engine_verdict verdict;

	shadow.limit.mode = ENGINE_SHADOW;
	kit_apply(*state, &shadow, START_NS);
	kit_limit(*state, "e", "k", 1000);
	assert_true(kit_allowed(*state, "k", 3, START_NS));
	/* Cost 4 is more than the shadow limit ever admits; it is written by nobody. */
	for (uint64_t ms = 500; ms < 65536; ms += 500)
		assert_true(kit_allowed(*state, "k", 4, START_NS + ms * 1000000));
	assert_int_equal(kit_check(*state, "k", 3, START_NS + 65536 * 1000000ULL, &verdict), 0);
	assert_false(verdict.hits[0].refused);
}

static void engine_check_time_going_back_forgets_nothing(void **state)
{
	struct engine_change window = kit_put("w", "k", SLUICE_FIXED_WINDOW, 3, SECOND_NS);

	kit_apply(*state, &window, START_NS);
	assert_true(kit_allowed(*state, "k", 3, START_NS));
	assert_false(kit_allowed(*state, "k", 1, START_NS - 2000));
	assert_false(kit_allowed(*state, "k", 1, START_NS));
}

static void engine_reset_key_forgets_that_key_and_limit_only(void **state)
{
	kit_limit(*state, "a", "k*", 3);
	kit_limit(*state, "b", "*", 5);
	assert_true(kit_allowed(*state, "k1", 3, START_NS));
	assert_true(kit_allowed(*state, "k2", 3, START_NS));
	assert_int_equal(engine_reset_key(*state, "a", "k1", 2, START_NS), 0);
	assert_int_equal(kit_remaining(*state, "k1", 0, START_NS), 3);
	assert_int_equal(kit_remaining(*state, "k1", 1, START_NS), 2);
	assert_int_equal(kit_remaining(*state, "k2", 0, START_NS), 0);
	assert_int_equal(engine_reset_key(*state, "a", "unknown", 7, START_NS), 0);
	assert_int_equal(engine_reset_key(*state, "c", "k1", 2, START_NS), ENGINE_E_NOT_FOUND);
}

static void engine_look_ahead_changes_nothing(void **state)
{
	static const struct engine_key keys[] = {{"k1", 2}, {"k2", 2}, {"other", 5}, {"k1", 2}};
	struct engine_usage before;
	uint64_t changes;

	engine_look_ahead(*state, 0, keys, 4);
	kit_limit(*state, "a", "k*", 3);
	assert_true(kit_allowed(*state, "k1", 2, START_NS));
	before = kit_usage(*state);
	changes = engine_changes(*state);
	engine_look_ahead(*state, 0, keys, 4);
	engine_look_ahead(*state, 7, keys, 0);
	assert_int_equal(engine_changes(*state), changes);
	assert_int_equal(kit_usage(*state).keys, before.keys);
	assert_int_equal(kit_usage(*state).bytes, before.bytes);
	assert_int_equal(kit_remaining(*state, "k1", 0, START_NS), 1);
}

#define engine_test(name) cmocka_unit_test_setup_teardown(name, make_engine, free_engine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(engine_check_uncovered_key_is_allowed_without_state),
		engine_test(engine_check_exact_key_admits_its_limit),
		engine_test(engine_check_each_key_of_a_pattern_has_its_bucket),
		engine_test(engine_check_tenants_share_nothing),
		engine_test(engine_check_hits_stand_in_order_of_creation),
		engine_test(engine_check_refused_new_key_makes_no_state),
		engine_test(engine_check_refused_charges_no_limit),
		engine_test(engine_check_counts_refusing_limits_only),
		engine_test(engine_check_peek_consumes_and_counts_nothing),
		engine_test(engine_check_refund_gives_back_to_every_limit),
		engine_test(engine_check_refund_of_unknown_key_makes_no_state),
		engine_test(engine_check_cost_zero_passes_and_writes_nothing),
		engine_test(engine_check_cost_above_burst_is_never_possible),
		engine_test(engine_check_shadow_counts_and_never_denies),
		engine_test(engine_check_denied_charges_no_shadow),
		engine_test(engine_check_shadow_alone_refusing_makes_no_state),
		engine_test(engine_check_shadow_alone_never_denies_at_the_bound_of_keys),
		engine_test(engine_check_off_neither_counts_nor_denies_and_keeps),
		engine_test(engine_check_off_alone_makes_no_state),
		engine_test(engine_check_bad_key_is_an_outcome),
		engine_test(engine_check_more_limits_than_fit_is_an_outcome),
		engine_test(engine_check_window_is_fresh_after_any_jump),
		engine_test(engine_check_unwritten_neighbour_window_stays_empty),
		engine_test(engine_check_time_going_back_forgets_nothing),
		engine_test(engine_reset_key_forgets_that_key_and_limit_only),
		engine_test(engine_look_ahead_changes_nothing),
	};

	return cmocka_run_group_tests_name("engine check", tests, NULL, NULL);
}
