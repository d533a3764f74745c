/* The token bucket's promises: burst + rate x time, never more, and no less when asked always. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

#define BYTES_PER_S 12500000000ULL /* 100 Gbit/s in bytes */

/* Takes `cost` as often as it passes at now_ns. */
static __u64 drain_bucket(__u64 *word, __u64 now_ns, __u64 cost, const struct sluice_params *p)
{
	__u64 passed = 0;

	while (sluice_step(*word, now_ns, cost, p, word))
		passed++;
	return passed;
}

static void token_bucket_frozen_clock_admits_exactly_burst(void **state)
{
	static const __u64 limits[] = {1, 2, 3, 7, 10, 999, 1000, 65537};
	static const __u64 intervals[] = {ALGO_S, 60 * ALGO_S, 61 * ALGO_S + 1, ALGO_DAY};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (size_t j = 0; j < sizeof(intervals) / sizeof(intervals[0]); j++) {
			struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, limits[i],
							     limits[i] + j, intervals[j]);
			__u64 word = 0;

			assert_int_equal(drain_bucket(&word, 12345, 1, &p), p.burst);
		}
	}
}

static void token_bucket_fastest_rate_of_ones_frozen_clock_admits_exactly_burst(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 320000000, 100000, ALGO_S);
	__u64 word = 0;

	assert_int_equal(p.shift, 0);
	assert_int_equal(drain_bucket(&word, ALGO_S, 1, &p), 100000);
}

struct admission {
	__u64 at_ns;
	__u64 cost;
};

/* sum * interval <= burst * interval + limit * time, for each pair of admissions. */
static void check_intervals(const struct admission *a, size_t len, const struct sluice_params *p)
{
	for (size_t i = 0; i < len; i++) {
		unsigned __int128 sum = 0;

		for (size_t j = i; j < len; j++) {
			unsigned __int128 earned =
				(unsigned __int128)p->limit * (a[j].at_ns - a[i].at_ns);

			sum += a[j].cost;
			algo_check(sum * p->interval_ns <=
					   (unsigned __int128)p->burst * p->interval_ns + earned,
				   "admissions %zu to %zu, limit %llu per %llu, burst %llu", i, j,
				   p->limit, p->interval_ns, p->burst);
		}
	}
}

static void token_bucket_any_interval_admits_at_most_burst_and_rate(void **state)
{
	enum { STEPS = 600 };
	struct admission a[STEPS];
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(200); n; n--) {
		struct sluice_params p = algo_params_random(&r, SLUICE_TOKEN_BUCKET);
		__u64 word = 0, now = ALGO_S, next, cost;
		size_t len = 0;

		for (int i = 0; i < STEPS; i++) {
			next = algo_now_random(&r, now, &p);
			now = next > now ? next : now;
			cost = algo_cost_random(&r, &p);
			if (sluice_step(word, now, cost, &p, &word))
				a[len++] = (struct admission){now, cost};
		}
		check_intervals(a, len, &p);
	}
}

/* A greedy client at every ns of several intervals, against whole tokens counted by definition. */
static void token_bucket_asked_every_ns_admits_exactly_burst_and_rate(void **state)
{
	static const __u64 limits[] = {1, 3, 10, 1000, 15625, 100000};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct sluice_params p =
			algo_params(SLUICE_TOKEN_BUCKET, limits[i], 5, SLUICE_INTERVAL_MIN_NS);
		__u64 start = ALGO_DAY, word = 0, passed = 0;
		__u64 ticks = SLUICE_INTERVAL_MIN_NS << SLUICE_TICK_SHIFT;
		__u64 token = (ticks + limits[i] - 1) / limits[i];

		for (__u64 t = 0; t <= 2 * SLUICE_INTERVAL_MIN_NS; t++) {
			passed += drain_bucket(&word, start + t, 1, &p);
			algo_check(passed == 5 + (t << SLUICE_TICK_SHIFT) / token,
				   "%llu passed by %llu ns, limit %llu", passed, t, limits[i]);
		}
		/* With a whole number of ticks per token that is burst + floor(rate * time). */
		if (ticks % limits[i] == 0)
			assert_int_equal(passed, 5 + 2 * limits[i]);
	}
}

/*
 * Asks for `cost` at the first ns it can pass, `times` times after draining; the rate must lie
 * between 99 % and 100 % of the limit's.
 */
static void check_rate(const struct sluice_params *p, __u64 cost, __u64 times)
{
	__u64 start = 3 * ALGO_DAY, now = start, word = 0, left;
	struct sluice_figures f;
	unsigned __int128 got, earned;

	word = sluice_charge(0, now, (__s64)p->burst, p);
	sluice_explain(word, now, 0, p, &f);
	left = f.remaining;
	for (__u64 i = 0; i < times; i++) {
		sluice_explain(word, now, cost, p, &f);
		now += f.retry_after_ns;
		algo_check(sluice_step(word, now, cost, p, &word), "step %llu, cost %llu", i, cost);
	}
	got = (unsigned __int128)cost * times * p->interval_ns;
	earned = (unsigned __int128)p->limit * (now - start);
	algo_check(got <= earned + (unsigned __int128)(left + 1) * p->interval_ns,
		   "above the rate at cost %llu of %llu per %llu ns", cost, p->limit,
		   p->interval_ns);
	algo_check(got * 100 >= earned * 99, "below 99 %% at cost %llu of %llu per %llu ns", cost,
		   p->limit, p->interval_ns);
}

static void token_bucket_12_5_gigabytes_per_second_every_packet_size_within_1_percent(void **state)
{
	static const __u64 intervals[] = {SLUICE_INTERVAL_MIN_NS, ALGO_S, 60 * ALGO_S,
					  3600 * ALGO_S, ALGO_DAY};

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		__u64 limit = (__u64)((unsigned __int128)BYTES_PER_S * intervals[i] / ALGO_S);
		struct sluice_params p = algo_params_bytes(limit, 0, intervals[i]);

		for (__u64 size = 64; size <= 9000; size++)
			check_rate(&p, size, 1000);
	}
}

/* Ticks of 1/16 ns, the coarser choice, would break the promise: this is why they are 1/32. */
static void token_bucket_sixteenths_of_a_ns_lose_more_than_1_percent_at_68_bytes(void **state)
{
	double sixteenths = 68 / 12.5 * 16, thirtyseconds = 68 / 12.5 * 32;

	assert_true(sixteenths < 0.99 * 88 && sixteenths > 87);
	assert_true(thirtyseconds > 0.99 * 175 && thirtyseconds > 174);
}

/* Wherever compile accepts a limit, down to its smallest cost and with any burst. */
static void token_bucket_any_accepted_rate_keeps_within_1_percent(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(20000); n; n--) {
		struct sluice_spec spec = {
			.interval_ns =
				algo_random_between(&r, SLUICE_INTERVAL_MIN_NS,
						    1ULL << (20 + algo_random_below(&r, 34))),
			.cost_min = algo_random_below(&r, 2) ? 1 : SLUICE_BYTES_COST_MIN,
		};
		struct sluice_params p;
		__u64 cost;

		/* From the fastest rate that compiles to a quarter of it. */
		spec.limit = (__u64)(((unsigned __int128)spec.interval_ns << SLUICE_TICK_SHIFT) *
				     spec.cost_min / SLUICE_TICKS_MIN);
		spec.limit -= algo_random_below(&r, spec.limit / 4 * 3);
		spec.burst = 10000 + algo_random_magnitude(&r, 50);
		if (sluice_params_compile(&spec, 0, &p))
			continue;
		cost = spec.cost_min + algo_random_below(&r, spec.cost_min);
		check_rate(&p, cost, 2000);
	}
}

static void token_bucket_50_million_packets_per_second_within_1_percent(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 50000000, 0, ALGO_S);

	assert_int_equal(p.mult, 20 << SLUICE_TICK_SHIFT);
	check_rate(&p, 1, 1000000);
	p = algo_params(SLUICE_TOKEN_BUCKET, 49999999, 64, ALGO_S);
	check_rate(&p, 1, 1000000);
}

static void token_bucket_1_per_365_days_passes_once_and_again_after_exactly_that(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 1, 0, ALGO_YEAR);
	__u64 word = 0, now = ALGO_DAY;

	for (int year = 0; year < 14; year++) {
		assert_int_equal(drain_bucket(&word, now, 1, &p), 1);
		assert_int_equal(drain_bucket(&word, now + ALGO_YEAR - 1, 1, &p), 0);
		now += ALGO_YEAR;
	}
}

static void token_bucket_idle_for_years_earns_no_more_than_one_burst(void **state)
{
	static const __u64 idle[] = {ALGO_DAY, ALGO_YEAR, 10 * ALGO_YEAR, 14 * ALGO_YEAR};
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 10, 0, 60 * ALGO_S);

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		__u64 word = 0, now = 5 * ALGO_S;

		assert_int_equal(drain_bucket(&word, now, 1, &p), 10);
		now += idle[i];
		assert_int_equal(sluice_idle(word, now, &p), 1);
		assert_int_equal(drain_bucket(&word, now, 1, &p), 10);
		assert_int_equal(drain_bucket(&word, now + 6 * ALGO_S, 1, &p), 1);
	}
}

static void token_bucket_time_standing_still_refuses_without_end(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 3, 0, ALGO_S);
	__u64 word = 0, full;

	assert_int_equal(drain_bucket(&word, 77, 1, &p), 3);
	full = word;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(sluice_step(word, 77, 1, &p, &word), 0);
	assert_int_equal(word, full);
}

static void token_bucket_time_going_back_forgets_nothing(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 10, 0, 10 * ALGO_S);
	__u64 word = 0, now = 100 * ALGO_S;
	struct sluice_figures f;

	assert_int_equal(drain_bucket(&word, now, 1, &p), 10);
	for (__u64 back = 0; back <= 90; back += 5) {
		__u64 then = now - back * ALGO_S;

		assert_int_equal(drain_bucket(&word, then, 1, &p), 0);
		sluice_explain(word, then, 1, &p, &f);
		assert_int_equal(f.retry_after_ns, (back + 1) * ALGO_S);
	}
	assert_int_equal(drain_bucket(&word, now + 3 * ALGO_S, 1, &p), 3);
}

/* Clocks that jump to and fro earn nothing: the bound is that of the outermost times seen. */
static void token_bucket_jittering_time_admits_no_more_than_steady_time(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(300); n; n--) {
		struct sluice_params p = algo_params_random(&r, SLUICE_TOKEN_BUCKET);
		__u64 latest = 2 * ALGO_YEAR, earliest = latest, word = 0;
		unsigned __int128 sum = 0;

		for (int i = 0; i < 1000; i++) {
			__u64 cost = 1 + algo_random_below(&r, p.burst);
			__u64 back = algo_random_below(&r, p.interval_ns);

			latest += algo_random_below(&r, p.interval_ns / 64 + 2);
			earliest = latest - back < earliest ? latest - back : earliest;
			if (sluice_step(word, latest - back, cost, &p, &word))
				sum += cost;
			algo_check(sum * p.interval_ns <=
					   (unsigned __int128)p.burst * p.interval_ns +
						   (unsigned __int128)p.limit * (latest - earliest),
				   "step %d, limit %llu per %llu", i, p.limit, p.interval_ns);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_bucket_frozen_clock_admits_exactly_burst),
		cmocka_unit_test(
			token_bucket_fastest_rate_of_ones_frozen_clock_admits_exactly_burst),
		cmocka_unit_test(token_bucket_any_interval_admits_at_most_burst_and_rate),
		cmocka_unit_test(token_bucket_asked_every_ns_admits_exactly_burst_and_rate),
		cmocka_unit_test(
			token_bucket_12_5_gigabytes_per_second_every_packet_size_within_1_percent),
		cmocka_unit_test(
			token_bucket_sixteenths_of_a_ns_lose_more_than_1_percent_at_68_bytes),
		cmocka_unit_test(token_bucket_any_accepted_rate_keeps_within_1_percent),
		cmocka_unit_test(token_bucket_50_million_packets_per_second_within_1_percent),
		cmocka_unit_test(
			token_bucket_1_per_365_days_passes_once_and_again_after_exactly_that),
		cmocka_unit_test(token_bucket_idle_for_years_earns_no_more_than_one_burst),
		cmocka_unit_test(token_bucket_time_standing_still_refuses_without_end),
		cmocka_unit_test(token_bucket_time_going_back_forgets_nothing),
		cmocka_unit_test(token_bucket_jittering_time_admits_no_more_than_steady_time),
	};

	return cmocka_run_group_tests_name("algorithm/token_bucket", tests, NULL, NULL);
}
