/* Millions of random steps, charges and refunds equal the model in arbitrary precision. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/algorithm/model.h"
#include "unit/algorithm/scenario.h"

enum {
	ROUNDS = 2000, /* limits tried per test */
	STEPS = 1000,  /* steps per limit: two million in all, for each algorithm */
};

struct run {
	struct algo_random random;
	struct sluice_params params;
	struct algo_model model;
	__u64 word;
	__u64 now;
	__u64 admitted;
	__u64 refused;
	__u64 either;
};

static void step_both(struct run *run)
{
	__u64 cost = algo_cost_random(&run->random, &run->params);
	__u64 next = ~run->word;
	enum algo_verdict want = algo_model_judge(&run->model, run->now, cost);
	int got = sluice_step(run->word, run->now, cost, &run->params, &next);

	algo_check(want == ALGO_EITHER || got == (want == ALGO_ADMIT),
		   "got %d, word %llx, now %llu, cost %llu, limit %llu", got, run->word, run->now,
		   cost, run->params.limit);
	run->either += want == ALGO_EITHER;
	if (!got) {
		assert_int_equal(next, ~run->word);
		run->refused++;
		return;
	}
	algo_model_admit(&run->model, run->now, cost);
	run->word = next;
	run->admitted++;
}

static void charge_both(struct run *run)
{
	__s64 cost = (__s64)algo_random_below(&run->random, run->params.burst + 1);
	__u64 stamp = run->now;

	if (algo_random_below(&run->random, 20) == 0)
		cost = (__s64)algo_random_magnitude(&run->random, 63);
	if (algo_random_below(&run->random, 200) == 0)
		cost = INT64_MIN;
	else if (algo_random_below(&run->random, 2))
		cost = -cost;
	if (algo_random_below(&run->random, 3) == 0 && stamp > run->params.interval_ns)
		stamp -= algo_random_below(&run->random, run->params.interval_ns);
	run->word = sluice_charge(run->word, stamp, cost, &run->params);
	algo_model_charge(&run->model, stamp, cost);
}

static void move_both(struct run *run)
{
	__u64 before = run->now;

	run->now = algo_now_random(&run->random, run->now, &run->params);
	/* Another uptime, or the age at which the engine sweeps: see <sluice/algorithm.h>, idle. */
	if ((run->now < before && before - run->now > 3 * run->params.interval_ns + 1000)) {
		run->word = 0;
		algo_model_clear(&run->model);
	}
	if (algo_model_stale(&run->model, run->now))
		run->word = 0, algo_model_clear(&run->model);
}

static void run_limit(struct run *run, enum sluice_algorithm algorithm)
{
	__u32 flood = 0;

	run->params = algo_params_random(&run->random, algorithm);
	run->word = 0;
	run->now = algo_random_magnitude(&run->random, 54);
	algo_model_init(&run->model, &run->params);
	for (int i = 0; i < STEPS; i++) {
		/* Floods: a hundred steps at one time, nearly all refused. */
		if (flood == 0)
			move_both(run);
		if (flood ? flood-- == 0 : algo_random_below(&run->random, 500) == 0)
			flood = 100;
		if (algo_random_below(&run->random, 16) == 0)
			charge_both(run);
		else
			step_both(run);
		algo_check(algo_model_equals(&run->model, run->word, run->now),
			   "step %d, word %llx, now %llu, limit %llu per %llu ns, burst %llu", i,
			   run->word, run->now, run->params.limit, run->params.interval_ns,
			   run->params.burst);
	}
	algo_model_done(&run->model);
}

static void run_algorithm(enum sluice_algorithm algorithm, const char *test)
{
	struct run run = {0};
	__u64 rounds = algo_rounds(ROUNDS);

	algo_random_start(&run.random, test);
	for (__u64 i = 0; i < rounds; i++)
		run_limit(&run, algorithm);
	/* The run says something only if both verdicts were common and certain. */
	assert_true(run.admitted > rounds * STEPS / 10);
	assert_true(run.refused > rounds * STEPS / 10);
	assert_true(run.either < rounds * STEPS / 100);
}

static void token_bucket_random_steps_equal_rational_tokens(void **state)
{
	run_algorithm(SLUICE_TOKEN_BUCKET, __func__);
}

static void fixed_window_random_steps_equal_counts_by_full_number(void **state)
{
	run_algorithm(SLUICE_FIXED_WINDOW, __func__);
}

static void sliding_window_random_steps_equal_exact_weights(void **state)
{
	run_algorithm(SLUICE_SLIDING_WINDOW, __func__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_bucket_random_steps_equal_rational_tokens),
		cmocka_unit_test(fixed_window_random_steps_equal_counts_by_full_number),
		cmocka_unit_test(sliding_window_random_steps_equal_exact_weights),
	};

	return cmocka_run_group_tests_name("algorithm/model", tests, NULL, NULL);
}
