/* What was consumed stays consumed when a limit's numbers, interval or algorithm change. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

/* Consumed tokens as a fraction, by definition: debt over ticks per token, or the counts. */
struct used {
	unsigned __int128 amount; /* in 1 / unit tokens */
	unsigned __int128 unit;
};

static struct used read_used(__u64 word, __u64 now_ns, const struct sluice_params *p)
{
	__u64 now = now_ns << SLUICE_TICK_SHIFT;
	struct sluice_window w;

	if (p->algorithm == SLUICE_TOKEN_BUCKET)
		return (struct used){(unsigned __int128)(word > now ? word - now : 0) << p->shift,
				     p->mult};
	sluice_window_load(word, now_ns, p, &w);
	return (struct used){sluice_window_used(&w, p), 1};
}

/* a <= b + extra tokens + one tick of b, without overflow for amounts below 2^90 / 2^37. */
static int at_most(struct used a, struct used b, __u64 extra)
{
	long double left = (long double)a.amount / (long double)a.unit;
	long double right = (long double)b.amount / (long double)b.unit;

	/* 64 bits of mantissa: relative slack of 2^-60 for the two divisions. */
	return left <= (right + (long double)extra) * (1 + 0x1p-60L);
}

/* A word of normal use: what steps can leave behind. */
static __u64 draw_used(struct algo_random *r, __u64 now, const struct sluice_params *p)
{
	__u64 word = 0, at = now;

	for (int i = 0; i < 6; i++) {
		__u64 cost = 1 + algo_random_below(r, p->burst);

		(void)sluice_step(word, at - algo_random_below(r, p->interval_ns), cost, p, &word);
	}
	return word;
}

static void check_pair(struct algo_random *r, const struct sluice_params *from,
		       const struct sluice_params *to)
{
	__u64 now = 2 * ALGO_YEAR + algo_random_magnitude(r, 57);
	__u64 word = draw_used(r, now, from);
	__u64 next = sluice_convert(word, now, from, to);
	struct used before = read_used(word, now, from), after = read_used(next, now, to);
	__u64 most = to->algorithm == SLUICE_TOKEN_BUCKET ? to->cost_max :
		     to->algorithm == SLUICE_FIXED_WINDOW ? SLUICE_FIXED_COUNT_MAX :
							    SLUICE_SLIDING_COUNT_MAX;

	/* More than a word of `to` can say is kept as a full one. */
	if (before.amount / before.unit + 1 >= most) {
		assert_int_equal(sluice_step(next, now, 1, to, &next), 0);
		return;
	}
	algo_check(at_most(before, after, 0), "forgot: word %llx to %llx, now %llu, %llu to %llu",
		   word, next, now, from->limit, to->limit);
	algo_check(at_most(after, before, 1), "invented: word %llx to %llx, now %llu, %llu to %llu",
		   word, next, now, from->limit, to->limit);
}

static void convert_any_change_keeps_what_was_consumed_within_one_token(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(200000); n; n--) {
		struct sluice_params from = algo_params_random(&r, algo_random_below(&r, 3));
		struct sluice_params to = algo_params_random(&r, algo_random_below(&r, 3));

		check_pair(&r, &from, &to);
	}
}

static void convert_there_and_back_forgets_nothing_and_adds_at_most_two_tokens(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(100000); n; n--) {
		struct sluice_params from = algo_params_random(&r, SLUICE_TOKEN_BUCKET);
		struct sluice_params to = algo_params_random(&r, SLUICE_TOKEN_BUCKET);
		__u64 now = 2 * ALGO_YEAR + algo_random_magnitude(&r, 57);
		__u64 word = draw_used(&r, now, &from);
		__u64 there = sluice_convert(word, now, &from, &to);
		__u64 back = sluice_convert(there, now, &to, &from);

		/* Debts of years end at what a word holds. */
		if (there >= (now << SLUICE_TICK_SHIFT) + (1ULL << 62))
			continue;
		assert_true(at_most(read_used(word, now, &from), read_used(back, now, &from), 0));
		assert_true(at_most(read_used(back, now, &from), read_used(word, now, &from), 2));
	}
}

/* Each row: used tokens, limits and intervals in whole ticks per token, so nothing is rounded. */
static void convert_integer_ratios_are_exact(void **state)
{
	static const struct {
		__u64 used, limit, interval_s, new_limit, new_interval_s;
	} rows[] = {
		{400, 1000, 60, 2000, 60}, {400, 1000, 60, 500, 60}, {1, 10, 1, 5, 1},
		{7, 10, 10, 10, 3600},     {999, 1000, 60, 1000, 1}, {3, 4, 1, 1, 86400},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sluice_params from = algo_params(SLUICE_TOKEN_BUCKET, rows[i].limit, 0,
							rows[i].interval_s * ALGO_S);
		struct sluice_params to = algo_params(SLUICE_TOKEN_BUCKET, rows[i].new_limit, 0,
						      rows[i].new_interval_s * ALGO_S);
		__u64 now = ALGO_DAY, word = 0, next;

		assert_int_equal(sluice_step(word, now, rows[i].used, &from, &word), 1);
		next = sluice_convert(word, now, &from, &to);
		assert_int_equal(next - (now << SLUICE_TICK_SHIFT), rows[i].used * to.mult);
		assert_int_equal(sluice_convert(next, now, &to, &from), word);
	}
}

static void convert_changed_burst_keeps_the_word(void **state)
{
	struct sluice_params from = algo_params(SLUICE_TOKEN_BUCKET, 10, 50, ALGO_S);
	struct sluice_params to = algo_params(SLUICE_TOKEN_BUCKET, 10, 5, ALGO_S);
	__u64 now = ALGO_DAY, word = 0;

	assert_int_equal(sluice_step(word, now, 30, &from, &word), 1);
	assert_int_equal(sluice_convert(word, now, &from, &to), word);
	assert_int_equal(sluice_step(word, now, 1, &to, &word), 0);
	assert_int_equal(sluice_convert(word, now, &to, &from), word);
}

static void convert_changed_window_limit_keeps_the_word(void **state)
{
	for (int algorithm = SLUICE_FIXED_WINDOW; algorithm < 3; algorithm++) {
		struct sluice_params from = algo_params(algorithm, 10, 0, ALGO_S);
		struct sluice_params to = algo_params(algorithm, 1000, 0, ALGO_S);
		__u64 now = ALGO_DAY, word = 0;

		assert_int_equal(sluice_step(word, now - ALGO_S, 9, &from, &word), 1);
		(void)sluice_step(word, now, 3, &from, &word);
		assert_int_equal(sluice_convert(word, now + 5, &from, &to), word);
		assert_int_equal(sluice_convert(word, now + 5, &to, &from), word);
	}
}

static void convert_changed_algorithm_leaves_as_much_as_was_left(void **state)
{
	for (int a = 0; a < 3; a++) {
		for (int b = 0; b < 3; b++) {
			struct sluice_params from = algo_params(a, 1000, 0, 60 * ALGO_S);
			struct sluice_params to = algo_params(b, 1000, 0, 60 * ALGO_S);
			__u64 now = ALGO_DAY + ALGO_S, word = 0;
			struct sluice_figures f;

			assert_int_equal(sluice_step(word, now, 400, &from, &word), 1);
			word = sluice_convert(word, now, &from, &to);
			sluice_explain(word, now, 1, &to, &f);
			assert_int_equal(f.remaining, 600);
		}
	}
}

static void convert_overdrawn_bucket_stays_overdrawn_in_a_window(void **state)
{
	struct sluice_params from = algo_params(SLUICE_TOKEN_BUCKET, 10, 0, ALGO_S);
	struct sluice_params to = algo_params(SLUICE_FIXED_WINDOW, 20, 0, ALGO_S);
	__u64 word = sluice_charge(0, ALGO_DAY, 25, &from);

	word = sluice_convert(word, ALGO_DAY, &from, &to);
	assert_int_equal(word & SLUICE_FIXED_COUNT_MAX, 25);
	assert_int_equal(sluice_step(word, ALGO_DAY, 1, &to, &word), 0);
}

static void convert_idle_bucket_stays_idle(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(50000); n; n--) {
		struct sluice_params from = algo_params_random(&r, algo_random_below(&r, 3));
		struct sluice_params to = algo_params_random(&r, algo_random_below(&r, 3));
		__u64 now = ALGO_YEAR + algo_random_magnitude(&r, 57);
		__u64 word = algo_word_random(&r, now, &from);

		if (sluice_idle(word, now, &from))
			assert_true(sluice_idle(sluice_convert(word, now, &from, &to), now, &to));
		assert_int_equal(sluice_convert(0, now, &from, &to), 0);
	}
}

/* Any word at all, from and to the extremes: no undefined step, and full stays full. */
static void convert_saturated_words_stay_full(void **state)
{
	const struct sluice_params all[] = {
		algo_params(SLUICE_TOKEN_BUCKET, 1, 2, ALGO_YEAR),
		algo_params(SLUICE_TOKEN_BUCKET, 1, 0, SLUICE_INTERVAL_MIN_NS),
		algo_params(SLUICE_TOKEN_BUCKET, 320000000, 1, ALGO_S),
		algo_params_bytes(20480000000, 64, ALGO_S),
		algo_params_bytes(20480000000, 1ULL << 46, ALGO_S),
		algo_params_bytes(1ULL << 55, 0, ALGO_YEAR),
		algo_params(SLUICE_FIXED_WINDOW, SLUICE_FIXED_COUNT_MAX, 0, ALGO_YEAR),
		algo_params(SLUICE_FIXED_WINDOW, 1, 0, SLUICE_INTERVAL_MIN_NS),
		algo_params(SLUICE_SLIDING_WINDOW, SLUICE_SLIDING_COUNT_MAX, 0, ALGO_YEAR),
		algo_params(SLUICE_SLIDING_WINDOW, 1, 0, SLUICE_INTERVAL_MIN_NS),
	};
	enum { ALL = sizeof(all) / sizeof(all[0]) };
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (size_t i = 0; i < ALL * ALL; i++) {
		const struct sluice_params *from = &all[i / ALL], *to = &all[i % ALL];
		__u64 now = ALGO_DAY, word = 0, next;

		for (int k = 0; k < 1000; k++)
			(void)sluice_convert(algo_random_next(&r), algo_random_magnitude(&r, 58),
					     from, to);
		/* 2^62 ticks owed are years, in whatever tokens. */
		for (int k = 0; k < 4; k++)
			word = sluice_charge(word, now, INT64_MAX, from);
		next = sluice_convert(word, now, from, to);
		if (from->algorithm == SLUICE_TOKEN_BUCKET && from->shift == 0 &&
		    to->algorithm == SLUICE_TOKEN_BUCKET && to->shift == 0 &&
		    to->mult >= from->mult)
			assert_int_equal(next, (now << SLUICE_TICK_SHIFT) + (1ULL << 62));
		assert_int_equal(sluice_step(next, now, to->burst, to, &next), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(convert_any_change_keeps_what_was_consumed_within_one_token),
		cmocka_unit_test(
			convert_there_and_back_forgets_nothing_and_adds_at_most_two_tokens),
		cmocka_unit_test(convert_integer_ratios_are_exact),
		cmocka_unit_test(convert_changed_burst_keeps_the_word),
		cmocka_unit_test(convert_changed_window_limit_keeps_the_word),
		cmocka_unit_test(convert_changed_algorithm_leaves_as_much_as_was_left),
		cmocka_unit_test(convert_overdrawn_bucket_stays_overdrawn_in_a_window),
		cmocka_unit_test(convert_idle_bucket_stays_idle),
		cmocka_unit_test(convert_saturated_words_stay_full),
	};

	return cmocka_run_group_tests_name("algorithm/convert", tests, NULL, NULL);
}
