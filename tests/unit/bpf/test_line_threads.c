/* Threads racing for the slots of one bucket line never admit a key over its burst. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/line.h>

enum {
	THREADS = 2,
	BURST = 4,
	ROUNDS = 3000,
	PASSES = 8, /* over all keys, by each thread and round */
	MAX_KEYS = 7,
	START = 1000000000,
	TOKEN_NS = 1000,
};

static const struct sluice_params params = {
	.limit = 1000000,
	.burst = BURST,
	.interval_ns = 1000000000,
	.mult = (__u64)TOKEN_NS << SLUICE_TICK_SHIFT,
	.tolerance = ((__u64)BURST * TOKEN_NS) << SLUICE_TICK_SHIFT,
	.cost_max = BURST,
};

static struct {
	struct sluice_line line;
	pthread_barrier_t barrier;
	__u32 keys;
	__u32 staying; /* of these, the same in each round */
	__u32 rounds;
	__u32 over;    /* keys admitted more than their burst */
	__u32 crowded; /* rounds after which more than two were settled, or the line was locked */
	__u64 admitted;
	__u32 count[MAX_KEYS]; /* atomic */
} race;

/* Each round finds the last one's keys paid off, as fresh keys find a line of idle ones. */
static void play_round(__u32 round, __u32 start)
{
	struct sluice_ask ask = {.now_ns = START + (__u64)round * 100 * TOKEN_NS, .cost = 1};
	struct sluice_slip slip;

	for (__u32 i = 0; i < PASSES * race.keys; i++) {
		__u32 key = (i + start) % race.keys;

		ask.tag = 1 + key + (key < race.staying ? 0 : round * MAX_KEYS);
		if (sluice_line_charge(&race.line, &ask, &params, &slip) == SLUICE_LINE_ADMITTED)
			__atomic_fetch_add(&race.count[key], 1, __ATOMIC_RELAXED);
	}
}

static __u32 count_settled(void)
{
	return (__u32)__builtin_popcount(race.line.spare & ~(__u32)SLUICE_LINE_LOCKED);
}

static void count_round(void)
{
	race.crowded += count_settled() > 2 || race.line.spare & SLUICE_LINE_LOCKED;
	for (__u32 i = 0; i < race.keys; i++) {
		race.admitted += race.count[i];
		race.over += race.count[i] > BURST;
		race.count[i] = 0;
	}
}

static void *run_thread(void *arg)
{
	__u32 start = (__u32)(uintptr_t)arg;

	for (__u32 round = 0; round < race.rounds; round++) {
		pthread_barrier_wait(&race.barrier);
		play_round(round, start);
		if (pthread_barrier_wait(&race.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			count_round();
	}
	return NULL;
}

static void run_race(__u32 keys, __u32 staying)
{
	pthread_t threads[THREADS];

	memset(&race, 0, sizeof(race));
	race.keys = keys;
	race.staying = staying;
	race.rounds = getenv("SLUICE_LONG") ? 20 * ROUNDS : ROUNDS;
	assert_int_equal(pthread_barrier_init(&race.barrier, NULL, THREADS), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_thread, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.barrier);
	assert_int_equal(race.crowded, 0);
}

static void line_one_key_raced_admits_exactly_its_burst(void **state)
{
	run_race(1, 0);
	assert_int_equal(race.over, 0);
	assert_in_range(race.admitted, (__u64)race.rounds * BURST * 97 / 100,
			(__u64)race.rounds * BURST);
}

static void line_five_fresh_keys_raced_admits_none_over_its_burst(void **state)
{
	run_race(5, 0);
	assert_int_equal(race.over, 0);
	assert_in_range(race.admitted, (__u64)race.rounds * BURST * 5 * 97 / 100,
			(__u64)race.rounds * BURST * 5);
}

/* Hits settle keys while the newcomer claims. */
static void line_keys_that_stay_raced_with_a_fresh_one_settle_two(void **state)
{
	run_race(5, 4);
	assert_int_equal(race.over, 0);
	assert_int_equal(count_settled(), 2);
	assert_in_range(race.admitted, (__u64)race.rounds * BURST * 5 * 97 / 100,
			(__u64)race.rounds * BURST * 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_one_key_raced_admits_exactly_its_burst),
		cmocka_unit_test(line_five_fresh_keys_raced_admits_none_over_its_burst),
		cmocka_unit_test(line_keys_that_stay_raced_with_a_fresh_one_settle_two),
	};

	return cmocka_run_group_tests_name("line_threads", tests, NULL, NULL);
}
