/* The real clock follows the system's; the frozen one stands until it is moved. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <sluice/params.h>

#include "base/clock.h"

#define YEAR_MS (365ULL * 86400 * 1000)

static uint64_t system_ns(clockid_t id)
{
	struct timespec at;

	clock_gettime(id, &at);
	return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void clock_real_lies_between_two_readings_of_the_system(void **state)
{
	uint64_t before, now, after;
	struct clock clock;

	clock_init_real(&clock);
	before = system_ns(CLOCK_MONOTONIC);
	now = clock_now_ns(&clock);
	after = system_ns(CLOCK_MONOTONIC);
	assert_true(before <= now && now <= after);
}

static void clock_utc_agrees_with_the_system(void **state)
{
	uint64_t before, now, after;
	struct clock clock;

	clock_init_real(&clock);
	before = system_ns(CLOCK_REALTIME) / 1000000;
	now = clock_utc_ms(&clock);
	after = system_ns(CLOCK_REALTIME) / 1000000;
	/* A millisecond of slack each way for the adjustment of one clock against the other. */
	assert_in_range(now, before - 1, after + 1);
}

/* As if UTC had been set an hour forward since the clock was made. */
static void clock_utc_offset_is_that_of_now(void **state)
{
	const uint64_t hour_ns = 3600000000000ULL;
	struct clock clock;
	uint64_t made_ns;

	clock_init_real(&clock);
	made_ns = clock.utc_offset_ns;
	clock.utc_offset_ns -= hour_ns;
	assert_in_range(clock_utc_offset_ns(&clock), made_ns - 1000000000, made_ns + 1000000000);
	clock_init_frozen(&clock);
	clock.utc_offset_ns = hour_ns;
	assert_int_equal(clock_utc_offset_ns(&clock), hour_ns);
}

static void clock_real_cannot_be_moved(void **state)
{
	struct clock clock;

	clock_init_real(&clock);
	assert_int_equal(clock_advance_ms(&clock, 1), -EINVAL);
}

static void clock_frozen_stands_at_the_present(void **state)
{
	uint64_t before = system_ns(CLOCK_MONOTONIC), now;
	struct clock clock;

	clock_init_frozen(&clock);
	now = clock_now_ns(&clock);
	assert_in_range(now, before, system_ns(CLOCK_MONOTONIC));
	while (system_ns(CLOCK_MONOTONIC) <= now)
		;
	assert_int_equal(clock_now_ns(&clock), now);
}

static void clock_frozen_moves_both_times_alike(void **state)
{
	uint64_t now, utc;
	struct clock clock;

	clock_init_frozen(&clock);
	now = clock_now_ns(&clock);
	utc = clock_utc_ms(&clock);
	assert_int_equal(clock_advance_ms(&clock, 61001), 0);
	assert_int_equal(clock_now_ns(&clock), now + 61001000000);
	assert_int_equal(clock_utc_ms(&clock), utc + 61001);
	assert_int_equal(clock_advance_ms(&clock, 0), 0);
	assert_int_equal(clock_now_ns(&clock), now + 61001000000);
}

static void clock_frozen_stays_within_its_years(void **state)
{
	struct clock clock = {.frozen = true};

	assert_int_equal(clock_advance_ms(&clock, UINT64_MAX), -ERANGE);
	assert_int_equal(clock_advance_ms(&clock, 13 * YEAR_MS + 1), -ERANGE);
	assert_int_equal(clock_now_ns(&clock), 0);
	assert_int_equal(clock_advance_ms(&clock, 13 * YEAR_MS), 0);
	assert_int_equal(clock_advance_ms(&clock, 1), -ERANGE);
	assert_int_equal(clock_now_ns(&clock), 13 * YEAR_MS * 1000000);
}

/* As late as it will go. */
static uint64_t latest_ns(void)
{
	struct clock clock = {.frozen = true};

	for (uint64_t ms = 1ULL << 40; ms; ms /= 2)
		while (clock_advance_ms(&clock, ms) == 0)
			;
	return clock_now_ns(&clock);
}

static void clock_frozen_latest_leaves_room_for_the_longest_burst(void **state)
{
	const struct sluice_spec spec = {.limit = 1,
					 .burst = 2,
					 .interval_ns = SLUICE_INTERVAL_MAX_NS,
					 .cost_min = 1,
					 .algorithm = SLUICE_TOKEN_BUCKET};
	uint64_t now_ns = latest_ns();
	struct sluice_params params;
	__u64 word = 0;

	assert_int_equal(sluice_params_compile(&spec, 0, &params), 0);
	assert_int_equal(sluice_step(word, now_ns, 1, &params, &word), 1);
	assert_int_equal(sluice_step(word, now_ns, 1, &params, &word), 1);
	assert_int_equal(sluice_step(word, now_ns, 1, &params, &word), 0);
}

static void clock_frozen_latest_leaves_room_for_converted_debt(void **state)
{
	struct sluice_spec spec = {.limit = SLUICE_FIXED_COUNT_MAX,
				   .interval_ns = SLUICE_INTERVAL_MAX_NS,
				   .cost_min = 1,
				   .algorithm = SLUICE_FIXED_WINDOW};
	struct sluice_params window, slow, slower;
	uint64_t now_ns = latest_ns();
	__u64 word = 0;

	assert_int_equal(sluice_params_compile(&spec, 0, &window), 0);
	assert_int_equal(sluice_step(word, now_ns, window.limit, &window, &word), 1);
	spec.algorithm = SLUICE_TOKEN_BUCKET;
	spec.limit = 2;
	assert_int_equal(sluice_params_compile(&spec, 0, &slow), 0);
	spec.limit = 1;
	assert_int_equal(sluice_params_compile(&spec, 0, &slower), 0);
	word = sluice_convert(word, now_ns, &window, &slow);
	word = sluice_convert(word, now_ns, &slow, &slower);
	assert_int_equal(sluice_step(word, now_ns, 1, &slower, &word), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_real_lies_between_two_readings_of_the_system),
		cmocka_unit_test(clock_utc_agrees_with_the_system),
		cmocka_unit_test(clock_utc_offset_is_that_of_now),
		cmocka_unit_test(clock_real_cannot_be_moved),
		cmocka_unit_test(clock_frozen_stands_at_the_present),
		cmocka_unit_test(clock_frozen_moves_both_times_alike),
		cmocka_unit_test(clock_frozen_stays_within_its_years),
		cmocka_unit_test(clock_frozen_latest_leaves_room_for_the_longest_burst),
		cmocka_unit_test(clock_frozen_latest_leaves_room_for_converted_debt),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
