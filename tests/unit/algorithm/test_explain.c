/* What people are told is exactly what step does: the largest cost, the smallest waits. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

enum { WORDS = 300000 };

/* Now stays below this, so that every wait for an overdrawn bucket ends before the word wraps. */
static __u64 draw_now(struct algo_random *r)
{
	return algo_random_below(r, 2) ? algo_random_magnitude(r, 57) :
					 ALGO_YEAR + algo_random_below(r, 5 * ALGO_YEAR);
}

static int admits(__u64 word, __u64 now_ns, __u64 cost, const struct sluice_params *p)
{
	__u64 ignored;

	return sluice_step(word, now_ns, cost, p, &ignored);
}

static void check_remaining(__u64 word, __u64 now, const struct sluice_params *p)
{
	struct sluice_figures f;

	sluice_explain(word, now, 1, p, &f);
	algo_check(admits(word, now, f.remaining, p) && !admits(word, now, f.remaining + 1, p),
		   "remaining %llu, word %llx, now %llu, limit %llu per %llu, burst %llu",
		   f.remaining, word, now, p->limit, p->interval_ns, p->burst);
}

static void check_retry(__u64 word, __u64 now, __u64 cost, const struct sluice_params *p)
{
	struct sluice_figures f;
	__u64 n;

	sluice_explain(word, now, cost, p, &f);
	n = f.retry_after_ns;
	if (n == SLUICE_NEVER) {
		assert_true(cost > p->burst);
		return;
	}
	algo_check(admits(word, now + n, cost, p),
		   "retry after %llu refuses %llu, word %llx, "
		   "now %llu, limit %llu per %llu",
		   n, cost, word, now, p->limit, p->interval_ns);
	algo_check(n == 0 || !admits(word, now + n - 1, cost, p),
		   "retry after %llu is too long for "
		   "%llu, word %llx, now %llu, limit %llu per %llu",
		   n, cost, word, now, p->limit, p->interval_ns);
}

static void check_reset(__u64 word, __u64 now, const struct sluice_params *p)
{
	struct sluice_figures f;
	__u64 n;

	sluice_explain(word, now, 1, p, &f);
	n = f.reset_after_ns;
	algo_check(sluice_idle(word, now + n, p) && (n == 0 || !sluice_idle(word, now + n - 1, p)),
		   "reset after %llu, word %llx, now %llu, limit %llu per %llu", n, word, now,
		   p->limit, p->interval_ns);
	/* Idle is what it says: the same answers as from a bucket never used. */
	assert_true(admits(word, now + n, p->burst, p));
}

static void run_words(enum sluice_algorithm algorithm, const char *test,
		      void (*check)(__u64 word, __u64 now, const struct sluice_params *p))
{
	struct algo_random r;

	algo_random_start(&r, test);
	for (__u64 n = algo_rounds(WORDS / 10); n; n--) {
		struct sluice_params p = algo_params_random(&r, algorithm);

		for (int i = 0; i < 10; i++) {
			__u64 now = draw_now(&r);

			check(algo_word_random(&r, now, &p), now, &p);
		}
	}
}

static void run_costs(enum sluice_algorithm algorithm, const char *test)
{
	struct algo_random r;

	algo_random_start(&r, test);
	for (__u64 n = algo_rounds(WORDS / 10); n; n--) {
		struct sluice_params p = algo_params_random(&r, algorithm);

		for (int i = 0; i < 10; i++) {
			__u64 now = draw_now(&r);

			check_retry(algo_word_random(&r, now, &p), now, algo_cost_random(&r, &p),
				    &p);
		}
	}
}

static void explain_token_bucket_remaining_is_largest_cost_admitted(void **state)
{
	run_words(SLUICE_TOKEN_BUCKET, __func__, check_remaining);
}

static void explain_fixed_window_remaining_is_largest_cost_admitted(void **state)
{
	run_words(SLUICE_FIXED_WINDOW, __func__, check_remaining);
}

static void explain_sliding_window_remaining_is_largest_cost_admitted(void **state)
{
	run_words(SLUICE_SLIDING_WINDOW, __func__, check_remaining);
}

static void explain_token_bucket_retry_is_smallest_wait(void **state)
{
	run_costs(SLUICE_TOKEN_BUCKET, __func__);
}

static void explain_fixed_window_retry_is_smallest_wait(void **state)
{
	run_costs(SLUICE_FIXED_WINDOW, __func__);
}

static void explain_sliding_window_retry_is_smallest_wait(void **state)
{
	run_costs(SLUICE_SLIDING_WINDOW, __func__);
}

static void explain_token_bucket_reset_is_smallest_wait_until_idle(void **state)
{
	run_words(SLUICE_TOKEN_BUCKET, __func__, check_reset);
}

static void explain_fixed_window_reset_is_smallest_wait_until_idle(void **state)
{
	run_words(SLUICE_FIXED_WINDOW, __func__, check_reset);
}

static void explain_sliding_window_reset_is_smallest_wait_until_idle(void **state)
{
	run_words(SLUICE_SLIDING_WINDOW, __func__, check_reset);
}

static void explain_bucket_never_used_is_full(void **state)
{
	for (int algorithm = 0; algorithm < 3; algorithm++) {
		struct sluice_params p = algo_params(algorithm, 1000, 0, 60 * ALGO_S);
		struct sluice_figures f;

		for (__u64 now = 0; now < 11 * ALGO_YEAR; now += ALGO_YEAR + 17) {
			sluice_explain(0, now, 1, &p, &f);
			assert_int_equal(f.remaining, 1000);
			assert_int_equal(f.retry_after_ns, 0);
			assert_int_equal(f.reset_after_ns, 0);
			assert_int_equal(sluice_idle(0, now, &p), 1);
		}
	}
}

/* With less than a tick per token, the tolerance's last tick has room for more of them. */
static void explain_remaining_is_at_most_burst_where_tokens_are_below_a_tick(void **state)
{
	for (__u64 burst = 9000; burst < 9100; burst++) {
		struct sluice_spec spec = {125000000007, burst, ALGO_S, 1500, SLUICE_TOKEN_BUCKET};
		struct sluice_figures f;
		struct sluice_params p;

		assert_int_equal(sluice_params_compile(&spec, 0, &p), 0);
		sluice_explain(0, ALGO_DAY, 1, &p, &f);
		assert_int_equal(f.remaining, burst);
	}
}

static void explain_1000_per_minute_after_one_says_999_and_60_ms(void **state)
{
	struct sluice_params p = algo_params(SLUICE_TOKEN_BUCKET, 1000, 0, 60 * ALGO_S);
	struct sluice_figures f;
	__u64 word = 0;

	assert_int_equal(sluice_step(0, ALGO_DAY, 1, &p, &word), 1);
	sluice_explain(word, ALGO_DAY, 1, &p, &f);
	assert_int_equal(f.remaining, 999);
	assert_int_equal(f.retry_after_ns, 0);
	assert_int_equal(f.reset_after_ns, 60000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explain_token_bucket_remaining_is_largest_cost_admitted),
		cmocka_unit_test(explain_fixed_window_remaining_is_largest_cost_admitted),
		cmocka_unit_test(explain_sliding_window_remaining_is_largest_cost_admitted),
		cmocka_unit_test(explain_token_bucket_retry_is_smallest_wait),
		cmocka_unit_test(explain_fixed_window_retry_is_smallest_wait),
		cmocka_unit_test(explain_sliding_window_retry_is_smallest_wait),
		cmocka_unit_test(explain_token_bucket_reset_is_smallest_wait_until_idle),
		cmocka_unit_test(explain_fixed_window_reset_is_smallest_wait_until_idle),
		cmocka_unit_test(explain_sliding_window_reset_is_smallest_wait_until_idle),
		cmocka_unit_test(explain_bucket_never_used_is_full),
		cmocka_unit_test(explain_remaining_is_at_most_burst_where_tokens_are_below_a_tick),
		cmocka_unit_test(explain_1000_per_minute_after_one_says_999_and_60_ms),
	};

	return cmocka_run_group_tests_name("algorithm/explain", tests, NULL, NULL);
}
