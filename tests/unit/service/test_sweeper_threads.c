/* The sweeper frees idle keys and paces itself by their number. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <sluice/params.h>

#include "service/sweeper_priv.h"

#define NS_PER_S 1000000000ULL

enum { KEYS = 500 };

static void pace_covers_all_cells_in_one_pass(void **state)
{
	static const uint64_t keys[] = {0, 1, 1000, 24000, 100000, 1000000, 50000000};
	const uint64_t pass_ns = SWEEP_PASS_MS * (NS_PER_S / 1000);
	struct sweep_pace pace;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t total = keys[i] + ENGINE_SHARDS * 16;

		pace = sweep_pace_for(keys[i], pass_ns);
		assert_in_range(pace.rest_ns, NS_PER_S / 1000, NS_PER_S / 10);
		assert_true(pass_ns / pace.rest_ns * pace.cells >= total);
		/* No more than twice as fast, and in small steps while the clock is fine enough. */
		assert_true(pass_ns / pace.rest_ns * (pace.cells - 1) <= total);
		if (keys[i] <= 1000000)
			assert_true(pace.cells <= 257);
	}
	/* Nothing to do: ten wake-ups a second, no more. */
	assert_int_equal(sweep_pace_for(0, pass_ns).rest_ns, NS_PER_S / 10);
}

static void fill(struct engine *engine, const struct clock *clock)
{
	struct sluice_spec spec = {.limit = 10, .interval_ns = NS_PER_S, .cost_min = 1};
	struct engine_change change = {
		.op = ENGINE_PUT,
		.limit = {.id = "lim", .pattern = "*", .pattern_len = 1},
	};
	static struct engine_verdict verdict;
	char key[16];

	assert_int_equal(sluice_params_compile(&spec, clock->utc_offset_ns, &change.limit.params),
			 0);
	assert_int_equal(engine_apply(engine, &change, 1, clock_now_ns(clock)), 0);
	for (int i = 0; i < KEYS; i++) {
		struct engine_request request = {
			.key = key, .cost = 1, .now_ns = clock_now_ns(clock)};

		request.key_len = (size_t)snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(engine_check(engine, &request, &verdict), 0);
	}
}

static uint64_t live_keys(struct engine *engine)
{
	struct engine_usage usage;

	engine_usage(engine, &usage);
	return usage.keys;
}

static void sweeper_frees_keys_once_idle(void **state)
{
	struct engine_config config = {.keys_max = KEYS};
	const struct timespec tick = {.tv_nsec = 5000000};
	struct sweeper sweeper;
	struct engine *engine;
	struct clock clock;

	clock_init_frozen(&clock);
	assert_int_equal(engine_new(&config, &engine), 0);
	fill(engine, &clock);
	assert_int_equal(sweeper_start(&sweeper, engine, &clock, 20), 0);
	/* Several passes while all are in debt; the sweeper's own clock is real. */
	for (int i = 0; i < 20; i++)
		nanosleep(&tick, NULL);
	assert_int_equal(live_keys(engine), KEYS);
	assert_int_equal(clock_advance_ms(&clock, 1000), 0);
	for (int i = 0; i < 2000 && live_keys(engine) > 0; i++)
		nanosleep(&tick, NULL);
	assert_int_equal(live_keys(engine), 0);
	sweeper_stop(&sweeper);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pace_covers_all_cells_in_one_pass),
		cmocka_unit_test(sweeper_frees_keys_once_idle),
	};

	return cmocka_run_group_tests_name("service/sweeper", tests, NULL, NULL);
}
