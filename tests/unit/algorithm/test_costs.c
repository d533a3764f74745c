/* Costs at the edges: nothing, too much, less than nothing, and steps taken back. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

enum { ALGORITHMS = 3 };

static __u64 read_remaining(__u64 word, __u64 now_ns, const struct sluice_params *p)
{
	struct sluice_figures f;

	sluice_explain(word, now_ns, 0, p, &f);
	return f.remaining;
}

static void step_cost_0_passes_and_changes_nothing(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(30000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = algo_random_magnitude(&r, 57);
		__u64 word = algo_word_random(&r, now, &p), next = ~word;

		assert_int_equal(sluice_step(word, now, 0, &p, &next), 1);
		assert_int_equal(next, word);
		assert_int_equal(sluice_charge(word, now, 0, &p), word);
	}
}

static void step_cost_above_burst_is_refused_and_retry_is_never(void **state)
{
	struct algo_random r;
	struct sluice_figures f;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(30000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		const __u64 costs[] = {p.burst + 1, p.burst + algo_random_magnitude(&r, 60),
				       1ULL << 62, 1ULL << 63, ~0ULL};
		__u64 now = algo_random_magnitude(&r, 57);

		for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
			__u64 word = i & 1 ? 0 : algo_word_random(&r, now, &p), next = ~word;

			assert_int_equal(sluice_step(word, now, costs[i], &p, &next), 0);
			assert_int_equal(next, ~word);
			sluice_explain(word, now, costs[i], &p, &f);
			assert_int_equal(f.retry_after_ns, SLUICE_NEVER);
		}
	}
}

static void step_cost_burst_passes_only_a_full_bucket(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(30000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = algo_random_magnitude(&r, 57), word = 0;

		assert_int_equal(sluice_step(0, now, 1, &p, &word), 1);
		assert_int_equal(sluice_step(word, now, p.burst, &p, &word), 0);
		assert_int_equal(sluice_step(0, now, p.burst, &p, &word), 1);
		assert_int_equal(sluice_step(word, now, 1, &p, &word), 0);
	}
}

static void charge_refund_never_yields_more_than_a_full_bucket(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(30000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = ALGO_YEAR + algo_random_magnitude(&r, 57);
		__u64 word = algo_word_random(&r, now, &p), before, next = 0;
		__s64 cost = algo_random_below(&r, 8) ? -(__s64)algo_random_magnitude(&r, 63) :
							INT64_MIN;

		before = read_remaining(word, now, &p);
		word = sluice_charge(word, now, cost, &p);
		assert_in_range(read_remaining(word, now, &p), before, p.burst);
		if (!sluice_step(word, now, p.burst, &p, &next))
			continue;
		assert_int_equal(read_remaining(next, now, &p), 0);
		/* Nor is anything saved up for later in the same ns. */
		assert_int_equal(sluice_step(next, now, 1, &p, &next), 0);
	}
}

static void charge_refund_gives_back_no_more_than_asked(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(30000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = ALGO_DAY + algo_random_magnitude(&r, 57);
		__u64 word = algo_word_random(&r, now, &p);
		__u64 back = 1 + algo_random_below(&r, p.burst), before, after;

		before = read_remaining(word, now, &p);
		word = sluice_charge(word, now, -(__s64)back, &p);
		after = read_remaining(word, now, &p);
		/* Remaining is rounded down: one token may have been nearly whole. */
		algo_check(after - before <= back + 1, "%llu to %llu by %llu", before, after, back);
	}
}

static void charge_refund_into_older_window_gives_the_new_one_nothing(void **state)
{
	struct sluice_params p = algo_params(SLUICE_FIXED_WINDOW, 10, 0, ALGO_S);
	__u64 word = 0;

	assert_int_equal(sluice_step(word, 7 * ALGO_S, 8, &p, &word), 1);
	assert_int_equal(sluice_step(word, 8 * ALGO_S, 6, &p, &word), 1);
	assert_int_equal(sluice_charge(word, 8 * ALGO_S - 1, -8, &p), word);
	assert_int_equal(read_remaining(word, 8 * ALGO_S, &p), 4);
	assert_int_equal(sluice_charge(word, 6 * ALGO_S, 5, &p), word);

	p = algo_params(SLUICE_SLIDING_WINDOW, 10, 0, ALGO_S);
	assert_int_equal(sluice_step(0, 7 * ALGO_S, 8, &p, &word), 1);
	assert_int_equal(sluice_step(word, 8 * ALGO_S + ALGO_S / 2, 6, &p, &word), 1);
	assert_int_equal(read_remaining(word, 8 * ALGO_S + ALGO_S / 2, &p), 0);
	/* The previous window's count is what shrinks: half of it weighed. */
	word = sluice_charge(word, 8 * ALGO_S - 1, -4, &p);
	assert_int_equal(read_remaining(word, 8 * ALGO_S + ALGO_S / 2, &p), 2);
	word = sluice_charge(word, 8 * ALGO_S - 1, -100, &p);
	assert_int_equal(read_remaining(word, 8 * ALGO_S + ALGO_S / 2, &p), 4);
	assert_int_equal(sluice_charge(word, 7 * ALGO_S - 1, -6, &p), word);
}

static void charge_refund_of_nothing_keeps_the_window_for_time_going_back(void **state)
{
	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm < ALGORITHMS; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 10, 0, ALGO_S);
		__u64 word = 0;

		assert_int_equal(sluice_step(word, 7 * ALGO_S, 10, &p, &word), 1);
		word = sluice_charge(word, 9 * ALGO_S, -3, &p);
		word = sluice_charge(word, 9 * ALGO_S, 0, &p);
		assert_int_equal(sluice_step(word, 8 * ALGO_S - 1, 1, &p, &word), 0);
	}
}

static void charge_beyond_burst_is_paid_back_in_full(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 10, 0, 10 * ALGO_S);
	__u64 word = sluice_charge(0, ALGO_DAY, 25, &p), next;
	struct sluice_figures f;

	sluice_explain(word, ALGO_DAY, 1, &p, &f);
	assert_int_equal(f.remaining, 0);
	assert_int_equal(f.retry_after_ns, 16 * ALGO_S);
	assert_int_equal(f.reset_after_ns, 25 * ALGO_S);
	assert_int_equal(sluice_step(word, ALGO_DAY + 16 * ALGO_S - 1, 1, &p, &next), 0);
	assert_int_equal(sluice_step(word, ALGO_DAY + 16 * ALGO_S, 1, &p, &next), 1);
}

static void charge_without_end_saturates_and_keeps_refusing(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(3000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = algo_random_magnitude(&r, 57), word = 0;

		for (int i = 0; i < 40; i++) {
			word = sluice_charge(word, now, i & 1 ? INT64_MAX : 1LL << 62, &p);
			assert_int_equal(sluice_step(word, now, 1, &p, &word), 0);
			assert_int_equal(read_remaining(word, now, &p), 0);
		}
	}
}

/* Whether both words answer alike, now and later. */
static void check_equivalent(__u64 a, __u64 b, __u64 now_ns, const struct sluice_params *p)
{
	struct sluice_figures f, g;

	for (int i = 0; i < 4; i++, now_ns += p->interval_ns / 3) {
		sluice_explain(a, now_ns, p->burst, p, &f);
		sluice_explain(b, now_ns, p->burst, p, &g);
		assert_int_equal(f.remaining, g.remaining);
		assert_int_equal(f.retry_after_ns, g.retry_after_ns);
		assert_int_equal(f.reset_after_ns, g.reset_after_ns);
	}
}

static void charge_undo_of_a_step_restores_an_equivalent_word(void **state)
{
	struct algo_random r;
	__u64 undone = 0;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(200000); n; n--) {
		struct sluice_params p = algo_params_random(&r, algo_random_below(&r, ALGORITHMS));
		__u64 now = ALGO_YEAR + algo_random_magnitude(&r, 57);
		__u64 cost = 1 + algo_random_below(&r, p.burst), before, word = 0;
		struct sluice_window w, at;

		before = algo_word_random(&r, now, &p);
		if (!sluice_step(before, now, cost, &p, &word))
			continue;
		word = sluice_charge(word, now, -(__s64)cost, &p);
		if (p.algorithm == SLUICE_TOKEN_BUCKET) {
			__u64 start = now << SLUICE_TICK_SHIFT;

			before = before > start ? before : start;
			/* With fractions of a tick, one may stay taken. */
			assert_in_range(word, before, before + (p.shift != 0));
			if (p.shift)
				continue;
		} else {
			sluice_window_load(before, now, &p, &w);
			sluice_window_locate(now, &p, &at);
			if (w.number != at.number)
				continue;
		}
		check_equivalent(before, word, now, &p);
		undone++;
	}
	assert_true(undone > 10000);
}

/* A step counted in a later window than its stamp is not undone in full, but never overdone. */
static void charge_undo_behind_the_words_window_leaves_more_consumed_never_less(void **state)
{
	struct algo_random r;
	__u64 seen = 0;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(100000); n; n--) {
		struct sluice_params p = algo_params_random(&r, 1 + algo_random_below(&r, 2));
		__u64 now = ALGO_YEAR + algo_random_magnitude(&r, 57);
		__u64 cost = 1 + algo_random_below(&r, p.limit), before, word = 0;
		struct sluice_window w, at;

		before = algo_word_random(&r, now, &p);
		sluice_window_load(before, now, &p, &w);
		sluice_window_locate(now, &p, &at);
		if (w.number == at.number || !sluice_step(before, now, cost, &p, &word))
			continue;
		seen++;
		word = sluice_charge(word, now, -(__s64)cost, &p);
		for (int i = 0; i < 20; i++, now += p.interval_ns / 4)
			assert_true(read_remaining(word, now, &p) <=
				    read_remaining(before, now, &p));
	}
	assert_true(seen > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_cost_0_passes_and_changes_nothing),
		cmocka_unit_test(step_cost_above_burst_is_refused_and_retry_is_never),
		cmocka_unit_test(step_cost_burst_passes_only_a_full_bucket),
		cmocka_unit_test(charge_refund_never_yields_more_than_a_full_bucket),
		cmocka_unit_test(charge_refund_gives_back_no_more_than_asked),
		cmocka_unit_test(charge_refund_into_older_window_gives_the_new_one_nothing),
		cmocka_unit_test(charge_refund_of_nothing_keeps_the_window_for_time_going_back),
		cmocka_unit_test(charge_beyond_burst_is_paid_back_in_full),
		cmocka_unit_test(charge_without_end_saturates_and_keeps_refusing),
		cmocka_unit_test(charge_undo_of_a_step_restores_an_equivalent_word),
		cmocka_unit_test(
			charge_undo_behind_the_words_window_leaves_more_consumed_never_less),
	};

	return cmocka_run_group_tests_name("algorithm/costs", tests, NULL, NULL);
}
