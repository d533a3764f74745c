/* Fixed windows: exactly the limit per window aligned to UTC, whatever time does. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

/* Takes `cost` as often as it passes at now_ns. */
static __u64 drain_window(__u64 *word, __u64 now_ns, __u64 cost, const struct sluice_params *p)
{
	__u64 passed = 0;

	while (sluice_step(*word, now_ns, cost, p, word))
		passed++;
	return passed;
}

static struct sluice_params compile_fixed(__u64 limit, __u64 interval_ns, __u64 utc_offset_ns)
{
	struct sluice_spec spec = {
		.limit = limit,
		.interval_ns = interval_ns,
		.cost_min = 1,
		.algorithm = SLUICE_FIXED_WINDOW,
	};
	struct sluice_params p;

	assert_int_equal(sluice_params_compile(&spec, utc_offset_ns, &p), 0);
	return p;
}

static void fixed_window_each_utc_window_admits_exactly_its_limit(void **state)
{
	static const __u64 offsets[] = {0, 1, ALGO_S - 1, 1717171717123456789ULL};
	const __u64 interval = 60 * ALGO_S;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct sluice_params p = compile_fixed(100, interval, offsets[i]);
		__u64 word = 0, first = (offsets[i] + ALGO_DAY) / interval + 1;

		for (__u64 minute = first; minute < first + 20; minute++) {
			__u64 begin = minute * interval - offsets[i];

			assert_int_equal(drain_window(&word, begin, 1, &p), 100);
			assert_int_equal(drain_window(&word, begin + interval - 1, 1, &p), 0);
		}
	}
}

/* Counted by definition: admissions per UTC window, at random times with random costs. */
static void fixed_window_random_greedy_load_fills_each_window_and_no_more(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(300); n; n--) {
		__u64 limit = algo_random_magnitude(&r, 12);
		__u64 interval = algo_random_between(&r, SLUICE_INTERVAL_MIN_NS, ALGO_S);
		__u64 offset = algo_random_next(&r) >> 4;
		struct sluice_params p = compile_fixed(limit, interval, offset);
		__u64 word = 0, now = algo_random_magnitude(&r, 50), sum = 0, window = 0;

		for (int i = 0; i < 2000; i++) {
			__u64 cost = 1 + algo_random_below(&r, limit);
			__u64 utc = (now + offset) / interval;
			int fits;

			sum = utc == window ? sum : 0;
			window = utc;
			fits = cost <= limit - sum;
			assert_int_equal(sluice_step(word, now, cost, &p, &word), fits);
			sum += fits ? cost : 0;
			now += algo_random_below(&r, 2) ? algo_random_below(&r, interval) : 0;
		}
	}
}

static void fixed_window_largest_limit_is_counted_exactly(void **state)
{
	struct sluice_params p = compile_fixed(SLUICE_FIXED_COUNT_MAX, ALGO_S, 0);
	__u64 word = 0;

	assert_int_equal(sluice_step(word, 0, SLUICE_FIXED_COUNT_MAX - 1, &p, &word), 1);
	assert_int_equal(drain_window(&word, ALGO_S - 1, 1, &p), 1);
	assert_int_equal(sluice_step(word, ALGO_S, SLUICE_FIXED_COUNT_MAX, &p, &word), 1);
	assert_int_equal(drain_window(&word, ALGO_S, 1, &p), 0);
}

static void fixed_window_1_per_365_days_passes_once_per_window(void **state)
{
	struct sluice_params p = compile_fixed(1, ALGO_YEAR, 0);
	__u64 word = 0;

	for (__u64 year = 0; year < 15; year++) {
		assert_int_equal(drain_window(&word, year * ALGO_YEAR, 1, &p), 1);
		assert_int_equal(drain_window(&word, (year + 1) * ALGO_YEAR - 1, 1, &p), 0);
	}
}

static void fixed_window_time_going_back_counts_in_the_later_window(void **state)
{
	struct sluice_params p = compile_fixed(10, ALGO_S, 0);
	__u64 word = 0;
	struct sluice_figures f;

	assert_int_equal(sluice_step(word, 100 * ALGO_S, 4, &p, &word), 1);
	/* Six are left, however far back it goes; what passes there is missing later. */
	assert_int_equal(drain_window(&word, 100 * ALGO_S - 1, 1, &p), 6);
	for (__u64 back = 1; back < 100; back += 7) {
		assert_int_equal(drain_window(&word, (100 - back) * ALGO_S, 1, &p), 0);
		sluice_explain(word, (100 - back) * ALGO_S, 1, &p, &f);
		assert_int_equal(f.retry_after_ns, (back + 1) * ALGO_S);
	}
	assert_int_equal(drain_window(&word, 101 * ALGO_S - 1, 1, &p), 0);
	assert_int_equal(drain_window(&word, 101 * ALGO_S, 1, &p), 10);
}

static void windows_time_jittering_admit_no_more_than_limit_per_window_reached(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(200); n; n--) {
		struct sluice_params p = compile_fixed(algo_random_magnitude(&r, 10), ALGO_S, 0);
		__u64 word = 0, latest = 50 * ALGO_S, sum = 0, windows;

		for (int i = 0; i < 2000; i++) {
			latest += algo_random_below(&r, ALGO_S / 50);
			sum += (__u64)sluice_step(word, latest - algo_random_below(&r, 9 * ALGO_S),
						  1, &p, &word);
			/* The first may have fallen into any of nine windows before. */
			windows = latest / ALGO_S - 50 + 1 + 9;
			assert_true(sum <= windows * p.limit);
		}
	}
}

/*
 * The packed number has 16 bits. A word alone cannot tell 65,536 windows from none, nor more than
 * 32,767 from time having gone back. Whoever keeps words must forget idle ones before: the engine
 * does so by age, sluice_idle() says when nothing is lost.
 */
static void windows_idle_for_up_to_half_the_wrap_are_seen_as_past(void **state)
{
	static const __u64 ages[] = {1, 2, 3, 1000, SLUICE_WINDOW_HALF_WRAP - 1};

	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm <= SLUICE_SLIDING_WINDOW; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 10, 0, ALGO_S);

		for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
			__u64 word = 0, now = ALGO_DAY;
			/* A sliding window's previous count is gone only after two. */
			int gone = algorithm == SLUICE_FIXED_WINDOW || ages[i] > 1;

			assert_int_equal(drain_window(&word, now, 1, &p), 10);
			assert_int_equal(sluice_idle(word, now + ages[i] * ALGO_S, &p), gone);
			assert_int_equal(drain_window(&word, now + ages[i] * ALGO_S, 1, &p),
					 gone ? 10 : 0);
		}
	}
}

static void windows_idle_for_half_the_wrap_or_more_look_ahead_of_time(void **state)
{
	static const __u64 ages[] = {SLUICE_WINDOW_HALF_WRAP, 50000, 65535};

	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm <= SLUICE_SLIDING_WINDOW; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 10, 0, ALGO_S);

		for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
			__u64 word = 0, now = ALGO_DAY;

			assert_int_equal(drain_window(&word, now, 1, &p), 10);
			/* On the safe side: it refuses, and is not idle. */
			assert_int_equal(sluice_idle(word, now + ages[i] * ALGO_S, &p), 0);
			assert_int_equal(drain_window(&word, now + ages[i] * ALGO_S, 1, &p), 0);
		}
	}
}

static void windows_idle_for_exactly_the_wrap_look_current(void **state)
{
	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm <= SLUICE_SLIDING_WINDOW; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 10, 0, ALGO_S);
		__u64 word = 0, now = ALGO_DAY, wrap = 65536 * ALGO_S;

		assert_int_equal(sluice_step(word, now, 7, &p, &word), 1);
		assert_int_equal(sluice_idle(word, now + wrap, &p), 0);
		assert_int_equal(drain_window(&word, now + wrap, 1, &p), 3);
		/* An emptied word is never used at any age. */
		assert_int_equal(drain_window(&(__u64){0}, now + wrap, 1, &p), 10);
	}
}

static void windows_idle_for_ten_years_of_365_day_windows_are_past(void **state)
{
	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm <= SLUICE_SLIDING_WINDOW; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 10, 0, ALGO_YEAR);
		__u64 word = 0;

		assert_int_equal(drain_window(&word, ALGO_DAY, 1, &p), 10);
		assert_int_equal(sluice_idle(word, ALGO_DAY + 10 * ALGO_YEAR, &p), 1);
		assert_int_equal(drain_window(&word, ALGO_DAY + 10 * ALGO_YEAR, 1, &p), 10);
		assert_int_equal(drain_window(&word, ALGO_DAY + 10 * ALGO_YEAR, 1, &p), 0);
	}
}

static void windows_time_standing_still_refuse_without_end(void **state)
{
	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm <= SLUICE_SLIDING_WINDOW; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 3, 0, ALGO_S);
		__u64 word = 0, full;

		assert_int_equal(drain_window(&word, 77, 1, &p), 3);
		full = word;
		for (int i = 0; i < 100000; i++)
			assert_int_equal(sluice_step(word, 77, 1, &p, &word), 0);
		assert_int_equal(word, full);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_window_each_utc_window_admits_exactly_its_limit),
		cmocka_unit_test(fixed_window_random_greedy_load_fills_each_window_and_no_more),
		cmocka_unit_test(fixed_window_largest_limit_is_counted_exactly),
		cmocka_unit_test(fixed_window_1_per_365_days_passes_once_per_window),
		cmocka_unit_test(fixed_window_time_going_back_counts_in_the_later_window),
		cmocka_unit_test(
			windows_time_jittering_admit_no_more_than_limit_per_window_reached),
		cmocka_unit_test(windows_idle_for_up_to_half_the_wrap_are_seen_as_past),
		cmocka_unit_test(windows_idle_for_half_the_wrap_or_more_look_ahead_of_time),
		cmocka_unit_test(windows_idle_for_exactly_the_wrap_look_current),
		cmocka_unit_test(windows_idle_for_ten_years_of_365_day_windows_are_past),
		cmocka_unit_test(windows_time_standing_still_refuse_without_end),
	};

	return cmocka_run_group_tests_name("algorithm/windows", tests, NULL, NULL);
}
