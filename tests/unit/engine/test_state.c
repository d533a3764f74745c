/* Exported state in another engine: other clocks, other limits, and while it is used. */
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

#define UTC_NS (1795466160ULL * SECOND_NS)

enum {
	ROUNDS = 3000,
	KEYS = 2000,
	BURST = 20,
};

static uint64_t random_state = 88172645463325252ULL;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 16) % below;
}

/* A limit of one key on the clock of a boot. */
static void put_limit(struct engine *engine, const struct sluice_spec *spec, uint64_t utc_offset_ns)
{
	struct engine_change change = {
		.op = ENGINE_PUT,
		.limit = {.id = "lim", .pattern = "*", .pattern_len = 1},
	};

	assert_int_equal(sluice_params_compile(spec, utc_offset_ns, &change.limit.params), 0);
	kit_apply(engine, &change, START_NS);
}

static struct sluice_spec draw_spec(void)
{
	static const uint64_t intervals[] = {SECOND_NS / 50, SECOND_NS, 60 * SECOND_NS,
					     3600 * SECOND_NS, 30 * 86400 * SECOND_NS};

	return (struct sluice_spec){
		.limit = 1 + draw(40),
		.interval_ns = intervals[draw(5)],
		.cost_min = 1,
		.algorithm = (uint32_t)draw(3),
	};
}

static void consume(struct engine *engine, uint64_t interval_ns, uint64_t *now_ns)
{
	for (uint64_t i = draw(60); i > 0; i--) {
		*now_ns += draw(4) ? draw(interval_ns / 20) : draw(interval_ns * 2);
		kit_allowed(engine, "k", 1 + (int64_t)draw(3), *now_ns);
	}
}

static struct engine_hit peek(struct engine *engine, uint64_t now_ns)
{
	struct engine_verdict verdict;
	struct engine_request request = {
		.key = "k", .key_len = 1, .cost = 1, .peek = true, .now_ns = now_ns};

	assert_int_equal(engine_check(engine, &request, &verdict), 0);
	assert_int_equal(verdict.count, 1);
	return verdict.hits[0];
}

/* Another boot: its clock began anew, UTC went on. */
static void state_of_another_boot_goes_on_as_if_there_was_none(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct sluice_spec spec = draw_spec();
		struct engine *before = kit_engine(10), *after = kit_engine(10);
		uint64_t now_ns = START_NS + draw(86400 * SECOND_NS), later_ns, booted_ns;
		struct engine_imported result;
		struct engine_hit expected, hit;
		struct kit_state *exported;

		put_limit(before, &spec, UTC_NS);
		consume(before, spec.interval_ns, &now_ns);
		exported = kit_export(before, now_ns);
		later_ns = now_ns + draw(spec.interval_ns * 3);
		booted_ns = draw(100 * SECOND_NS);
		put_limit(after, &spec, UTC_NS + later_ns - booted_ns);
		assert_int_equal(kit_import(after, exported, booted_ns, later_ns, &result), 0);
		for (int i = 0; i < 3; i++) {
			uint64_t wait_ns = i * draw(spec.interval_ns);

			expected = peek(before, later_ns + wait_ns);
			hit = peek(after, booted_ns + wait_ns);
			assert_memory_equal(&hit, &expected, sizeof(hit));
		}
		kit_state_free(exported);
		engine_free(before);
		engine_free(after);
	}
}

/* The clock says that it is earlier than the export was: nothing is given back, nothing taken. */
static void state_from_the_future_owes_what_it_did(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct sluice_spec spec = draw_spec();
		struct engine *before = kit_engine(10), *after = kit_engine(10);
		uint64_t now_ns = START_NS + draw(86400 * SECOND_NS), earlier_ns;
		struct engine_imported result;
		struct engine_hit expected, hit;
		struct kit_state *exported;

		put_limit(before, &spec, UTC_NS);
		consume(before, spec.interval_ns, &now_ns);
		exported = kit_export(before, now_ns);
		expected = peek(before, now_ns);
		earlier_ns = draw(now_ns);
		put_limit(after, &spec, UTC_NS - (draw(2) ? draw(UTC_NS) : 0));
		assert_int_equal(kit_import(after, exported, earlier_ns, earlier_ns, &result), 0);
		hit = peek(after, earlier_ns);
		/* Where the previous window weighs less depends on how far this one is. */
		if (spec.algorithm != SLUICE_SLIDING_WINDOW)
			assert_int_equal(hit.figures.remaining, expected.figures.remaining);
		if (spec.algorithm == SLUICE_TOKEN_BUCKET)
			assert_int_equal(hit.figures.reset_after_ns,
					 expected.figures.reset_after_ns);
		assert_true(hit.figures.reset_after_ns <= 2 * spec.interval_ns);
		kit_state_free(exported);
		engine_free(before);
		engine_free(after);
	}
}

/* UTC was set while the host ran: a window that has not passed by the steady clock counts on. */
static void windows_of_a_clock_that_was_set_are_not_forgotten(void **state)
{
	struct sluice_spec spec = {.limit = 10,
				   .interval_ns = 60 * SECOND_NS,
				   .cost_min = 1,
				   .algorithm = SLUICE_FIXED_WINDOW};
	static const int64_t steps_ms[] = {-40000, -1000, -1, 0, 1, 1000, 29000};

	for (size_t i = 0; i < sizeof(steps_ms) / sizeof(steps_ms[0]); i++) {
		struct engine *before = kit_engine(10), *after = kit_engine(10);
		uint64_t now_ns = 1000000 * 60 * SECOND_NS + 30 * SECOND_NS;
		struct engine_imported result;
		struct kit_state *exported;

		put_limit(before, &spec, 0);
		assert_true(kit_allowed(before, "k", 9, now_ns));
		exported = kit_export(before, now_ns);
		put_limit(after, &spec, 3600 * SECOND_NS + (uint64_t)(steps_ms[i] * 1000000));
		assert_int_equal(kit_import(after, exported, now_ns, now_ns, &result), 0);
		assert_int_equal(peek(after, now_ns).figures.remaining, 1);
		kit_state_free(exported);
		engine_free(before);
		engine_free(after);
	}
}

static void number_key(int number, char key[16])
{
	snprintf(key, 16, "k%d", number);
}

/* Keys come, go and move while the export is under way. */
static void export_amid_changes_shows_all_that_was_consumed_before(void **state)
{
	struct engine *engine = kit_engine(10 * KEYS), *after = kit_engine(1);
	unsigned char block[ENGINE_BLOCK_MIN];
	struct engine_export *export;
	struct engine_import *import;
	uint64_t now_ns = START_NS;
	char key[16];
	size_t len;

	kit_limit(engine, "slow", "k*", 1);
	kit_limit(after, "slow", "k*", 1);
	struct engine_change day =
		kit_put("day", "*", SLUICE_FIXED_WINDOW, BURST, 86400 * SECOND_NS);

	kit_apply(engine, &day, now_ns);
	kit_apply(after, &day, now_ns);
	kit_delete(engine, "slow", now_ns);
	kit_delete(after, "slow", now_ns);
	for (int i = 0; i < KEYS; i++) {
		number_key(i, key);
		assert_true(kit_allowed(engine, key, 1 + i % 7, now_ns));
	}
	assert_int_equal(engine_export_new(engine, &export), 0);
	assert_int_equal(engine_import_new(after, now_ns, now_ns, &import), 0);
	for (int step = 0;; step++) {
		assert_int_equal(engine_export_step(export, now_ns, block, sizeof(block), &len), 0);
		if (len == 0)
			break;
		assert_int_equal(engine_import_block(import, block, len), 0);
		for (int i = 0; i < 300; i++) {
			number_key((int)draw(KEYS * (step % 2 ? 2 : 1)), key);
			kit_allowed(engine, key, 1, now_ns);
		}
		/* Nodes change their size, and cells their place. */
		kit_limit(engine, step % 2 ? "slow" : "other", "k1*", 1000000);
		engine_sweep(engine, now_ns, 500);
	}
	for (int i = 0; i < KEYS; i++) {
		number_key(i, key);
		assert_true(kit_remaining(after, key, 0, now_ns) <= (uint64_t)(BURST - 1 - i % 7));
		assert_true(kit_remaining(after, key, 0, now_ns) >=
			    kit_remaining(engine, key, 0, now_ns));
	}
	engine_import_free(import);
	engine_export_free(export);
	engine_free(engine);
	engine_free(after);
}

static void limit_changed_amid_an_export_is_written_anew(void **state)
{
	struct engine *engine = kit_engine(10 * KEYS), *after = kit_engine(10 * KEYS);
	struct engine_change few = kit_put("one", "*", SLUICE_TOKEN_BUCKET, 10, 86400 * SECOND_NS);
	struct engine_change many =
		kit_put("one", "*", SLUICE_TOKEN_BUCKET, 1000, 86400 * SECOND_NS);
	unsigned char block[ENGINE_BLOCK_MIN];
	struct engine_export *export;
	struct engine_import *import;
	char key[16];
	size_t len;

	kit_apply(engine, &few, START_NS);
	kit_apply(after, &many, START_NS);
	for (int i = 0; i < KEYS; i++) {
		number_key(i, key);
		assert_true(kit_allowed(engine, key, 5, START_NS));
	}
	assert_int_equal(engine_export_new(engine, &export), 0);
	assert_int_equal(engine_import_new(after, START_NS, START_NS, &import), 0);
	for (int step = 0;; step++) {
		assert_int_equal(engine_export_step(export, START_NS, block, sizeof(block), &len),
				 0);
		if (len == 0)
			break;
		assert_int_equal(engine_import_block(import, block, len), 0);
		if (step == 0)
			kit_apply(engine, &many, START_NS);
	}
	for (int i = 0; i < KEYS; i++) {
		number_key(i, key);
		assert_in_range(kit_remaining(after, key, 0, START_NS), 994, 995);
	}
	engine_import_free(import);
	engine_export_free(export);
	engine_free(engine);
	engine_free(after);
}

static void import_drops_what_no_limit_knows_and_keeps_keys_beyond_the_bound(void **state)
{
	struct engine *engine = kit_engine(100), *after = kit_engine(1);
	struct engine_imported result;
	struct kit_state *exported;
	char key[16];

	kit_limit(engine, "one", "k*", 10);
	kit_limit(engine, "two", "*", 10);
	for (int i = 0; i < 10; i++) {
		number_key(i, key);
		assert_true(kit_allowed(engine, key, 4, START_NS));
	}
	exported = kit_export(engine, START_NS);
	kit_limit(after, "two", "*", 10);
	kit_limit(after, "three", "*", 10);
	assert_int_equal(kit_import(after, exported, START_NS, START_NS, &result), 0);
	assert_int_equal(result.keys, 10);
	assert_int_equal(result.dropped, 10);
	assert_int_equal(kit_usage(after).keys, 10);
	assert_int_equal(kit_remaining(after, "k3", 0, START_NS), 6);
	assert_int_equal(kit_remaining(after, "k3", 1, START_NS), 10);
	/* Twice is as once. */
	assert_int_equal(kit_import(after, exported, START_NS, START_NS, &result), 0);
	assert_int_equal(result.keys, 0);
	assert_int_equal(kit_remaining(after, "k3", 0, START_NS), 6);
	assert_true(kit_allowed(after, "k3", 1, START_NS));
	assert_int_equal(kit_import(after, exported, START_NS, START_NS, &result), 0);
	assert_int_equal(kit_remaining(after, "k3", 0, START_NS), 5);
	kit_state_free(exported);
	engine_free(engine);
	engine_free(after);
}

static void import_leaves_no_state_of_buckets_that_are_full_again(void **state)
{
	struct engine *engine = kit_engine(100), *after = kit_engine(100);
	struct engine_imported result;
	struct kit_state *exported;

	kit_limit(engine, "one", "*", 10);
	kit_limit(after, "one", "*", 10);
	assert_true(kit_allowed(engine, "k", 10, START_NS));
	exported = kit_export(engine, START_NS);
	assert_int_equal(kit_import(after, exported, START_NS + SECOND_NS, START_NS + SECOND_NS,
				    &result),
			 0);
	assert_int_equal(result.keys, 0);
	assert_int_equal(kit_usage(after).keys, 0);
	kit_state_free(exported);
	exported = kit_export(engine, START_NS + SECOND_NS);
	assert_int_equal(exported->n, 0);
	kit_state_free(exported);
	engine_free(engine);
	engine_free(after);
}

static void import_of_cut_or_foreign_bytes_is_refused(void **state)
{
	struct engine *engine = kit_engine(100), *after = kit_engine(100);
	struct engine_imported result;
	struct kit_state *exported;
	size_t len;

	kit_limit(engine, "one", "*", 10);
	kit_limit(after, "one", "*", 10);
	assert_true(kit_allowed(engine, "key", 10, START_NS));
	exported = kit_export(engine, START_NS);
	len = exported->first->len;
	for (exported->first->len = 0; exported->first->len < len; exported->first->len++) {
		int err = kit_import(after, exported, START_NS, START_NS, &result);

		/* Between two records a block may end. */
		if (err == 0)
			assert_true(exported->first->len == 8 || exported->first->len == len - 23);
		else
			assert_int_equal(err, ENGINE_E_STATE);
		assert_int_equal(result.keys, 0);
	}
	exported->first->bytes[8] = 3;
	assert_int_equal(kit_import(after, exported, START_NS, START_NS, &result), ENGINE_E_STATE);
	kit_state_free(exported);
	engine_free(engine);
	engine_free(after);
}

static void changes_grow_with_all_that_an_export_shows(void **state)
{
	struct engine *engine = kit_engine(100);
	uint64_t changes;

	kit_limit(engine, "one", "*", 10);
	changes = engine_changes(engine);
	kit_remaining(engine, "k", 0, START_NS);
	assert_int_equal(engine_changes(engine), changes);
	assert_true(kit_allowed(engine, "k", 10, START_NS));
	assert_int_equal(engine_changes(engine), ++changes);
	assert_false(kit_allowed(engine, "k", 1, START_NS));
	assert_int_equal(engine_changes(engine), changes);
	assert_true(kit_allowed(engine, "k", -1, START_NS));
	assert_int_equal(engine_changes(engine), ++changes);
	assert_int_equal(engine_reset_key(engine, "one", "k", 1, START_NS), 0);
	assert_int_equal(engine_changes(engine), ++changes);
	kit_delete(engine, "one", START_NS);
	assert_int_equal(engine_changes(engine), ++changes);
	engine_free(engine);
}

static void state_without_memory_fails_and_leaks_nothing(void **state)
{
	for (int64_t fail = 0; fail < 12; fail++) {
		int64_t held = failing_memory_held();
		struct engine *engine = kit_engine(100), *after = kit_engine(100);
		unsigned char block[ENGINE_BLOCK_MIN];
		struct engine_export *export = NULL;
		struct engine_import *import = NULL;
		size_t len = 0;
		int err;

		kit_limit(engine, "one", "*", 10);
		kit_limit(after, "one", "*", 10);
		assert_true(kit_allowed(engine, "k", 10, START_NS));
		failing_memory_after(fail);
		err = engine_export_new(engine, &export);
		if (!err)
			err = engine_export_step(export, START_NS, block, sizeof(block), &len);
		if (!err)
			err = engine_import_new(after, START_NS, START_NS, &import);
		if (!err)
			err = engine_import_block(import, block, len);
		failing_memory_after(-1);
		assert_true(err == -ENOMEM || (err == 0 && fail > 3));
		assert_int_equal(kit_remaining(after, "k", 0, START_NS), err ? 10 : 0);
		engine_import_free(import);
		engine_export_free(export);
		engine_free(engine);
		engine_free(after);
		assert_int_equal(failing_memory_held(), held);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_of_another_boot_goes_on_as_if_there_was_none),
		cmocka_unit_test(state_from_the_future_owes_what_it_did),
		cmocka_unit_test(windows_of_a_clock_that_was_set_are_not_forgotten),
		cmocka_unit_test(export_amid_changes_shows_all_that_was_consumed_before),
		cmocka_unit_test(limit_changed_amid_an_export_is_written_anew),
		cmocka_unit_test(import_drops_what_no_limit_knows_and_keeps_keys_beyond_the_bound),
		cmocka_unit_test(import_leaves_no_state_of_buckets_that_are_full_again),
		cmocka_unit_test(import_of_cut_or_foreign_bytes_is_refused),
		cmocka_unit_test(changes_grow_with_all_that_an_export_shows),
		cmocka_unit_test(state_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests_name("engine state", tests, NULL, NULL);
}
