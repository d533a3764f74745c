/* Counters under more threads than have a copy of their own: nothing is lost, nothing goes back. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metrics/counters.h"

enum {
	THREADS = COUNTERS_THREADS + 8,
	ADDS = 20000,
	CELLS = 9, /* more than one cache line */
};

struct adder {
	struct counters *counters;
	pthread_barrier_t all; /* so that nobody is done before the last begins */
	atomic_uint numbered[COUNTERS_THREADS + 2]; /* threads by their number */
};

static void *add(void *data)
{
	struct adder *adder = data;
	struct counters *counters = adder->counters;

	pthread_barrier_wait(&adder->all);
	for (size_t i = 0; i < ADDS; i++) {
		counters_add(counters, 0, 1);
		counters_add(counters, CELLS - 1, 3);
	}
	if (counters_thread < COUNTERS_THREADS + 2)
		atomic_fetch_add(&adder->numbered[counters_thread], 1);
	return NULL;
}

struct watcher {
	struct counters *counters;
	atomic_bool over;
	bool went_back;
};

static void *watch(void *data)
{
	struct watcher *watcher = data;
	uint64_t last = 0, now;

	while (!atomic_load(&watcher->over)) {
		now = counters_read(watcher->counters, 0);
		watcher->went_back |= now < last;
		last = now;
	}
	return NULL;
}

static void counters_of_many_threads_sum_exactly(void **state)
{
	_cleanup_counters_ struct counters *counters = NULL;
	struct watcher watcher = {0};
	struct adder adder = {0};
	pthread_t threads[THREADS], watching;

	assert_int_equal(counters_new(CELLS, &counters), 0);
	watcher.counters = adder.counters = counters;
	pthread_barrier_init(&adder.all, NULL, THREADS);
	assert_int_equal(pthread_create(&watching, NULL, watch, &watcher), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add, &adder), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&adder.all);
	atomic_store(&watcher.over, true);
	pthread_join(watching, NULL);
	assert_false(watcher.went_back);
	assert_int_equal(counters_read(counters, 0), THREADS * ADDS);
	assert_int_equal(counters_read(counters, CELLS - 1), 3 * THREADS * ADDS);
	for (size_t i = 1; i < CELLS - 1; i++)
		assert_int_equal(counters_read(counters, i), 0);
	/* Who has no copy of its own has the shared one. */
	for (size_t i = 1; i <= COUNTERS_THREADS; i++)
		assert_int_equal(adder.numbered[i], 1);
	assert_int_equal(adder.numbered[COUNTERS_THREADS + 1], THREADS - COUNTERS_THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_of_many_threads_sum_exactly),
	};

	return cmocka_run_group_tests_name("metrics/counters_threads", tests, NULL, NULL);
}
