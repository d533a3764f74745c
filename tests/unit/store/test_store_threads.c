/* Many writers and watchers at once: nothing lost, nothing twice, all in order. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/store/backends.h"
#include "unit/store/fixture.h"

enum {
	WRITERS = 4,
	COUNTERS = 3,
	ROUNDS = 150,
	TOTAL = WRITERS * ROUNDS,
};

struct crowd {
	struct store *store;
	pthread_barrier_t start;
};

/* Adds 1 to one of the counters by compare-and-set, however often others come first. */
static void add_one(struct store *store, unsigned int i)
{
	char key[16], text[16], next[16];
	struct store_compare compare = {.key = key};
	struct store_put put = {.key = key, .value = next};
	struct store_txn txn = {&compare, 1, &put, 1, NULL, 0};
	uint64_t revision;
	int r;

	snprintf(key, sizeof(key), "counter/%u", i % COUNTERS);
	do {
		strcpy(text, "0");
		compare.revision = get_text(store, key, text, sizeof(text));
		put.size = (size_t)snprintf(next, sizeof(next), "%d", atoi(text) + 1);
		r = store_txn(store, &txn, &revision);
	} while (r == STORE_E_CONFLICT);
	assert_int_equal(r, 0);
}

static void *run_writer(void *data)
{
	struct crowd *crowd = data;

	pthread_barrier_wait(&crowd->start);
	for (unsigned int i = 0; i < ROUNDS; i++)
		add_one(crowd->store, i);
	return NULL;
}

static int sum_counters(const struct store_record *record, void *data)
{
	char text[16] = "";

	memcpy(text, record->value, record->size < 15 ? record->size : 15);
	*(int *)data += atoi(text);
	return 0;
}

static void writers_compare_and_set_lose_no_count(void **state)
{
	struct crowd crowd = {.store = store_of(state)};
	struct store_watch *watches[2];
	pthread_t writers[WRITERS];
	struct seen seen[2];
	uint64_t revision;
	int sum = 0;

	pthread_barrier_init(&crowd.start, NULL, WRITERS);
	for (int i = 0; i < 2; i++) {
		seen_init(&seen[i], 0);
		assert_int_equal(store_watch(crowd.store, i ? "counter/1" : "", 0, seen_call,
					     &seen[i], &watches[i]),
				 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, run_writer, &crowd);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	assert_int_equal(store_range(crowd.store, "", sum_counters, &sum, &revision), 0);
	assert_int_equal(sum, TOTAL);
	assert_int_equal(revision, TOTAL);
	for (int i = 0; i < 2; i++) {
		seen_wait(&seen[i], TOTAL);
		store_unwatch(crowd.store, watches[i]);
		assert_int_equal(seen[i].n_calls, TOTAL);
		assert_int_equal(seen[i].skipped, 0);
		assert_int_equal(seen[i].n_events, i ? TOTAL / COUNTERS : TOTAL);
		seen_done(&seen[i]);
	}
	pthread_barrier_destroy(&crowd.start);
}

static int find_newest(const struct store_record *record, void *data)
{
	uint64_t *newest = data;

	if (record->revision > *newest)
		*newest = record->revision;
	return 0;
}

/* Each revision writes a counter, so the newest record says which revision the range showed. */
static void *run_ranges(void *data)
{
	struct crowd *crowd = data;
	uint64_t newest, revision = 0;

	pthread_barrier_wait(&crowd->start);
	while (revision < TOTAL) {
		newest = 0;
		assert_int_equal(store_range(crowd->store, "", find_newest, &newest, &revision), 0);
		assert_int_equal(newest, revision);
	}
	return NULL;
}

static void ranges_while_others_write_are_as_of_their_revision(void **state)
{
	struct crowd crowd = {.store = store_of(state)};
	pthread_t threads[WRITERS + 2];

	pthread_barrier_init(&crowd.start, NULL, WRITERS + 2);
	for (int i = 0; i < WRITERS + 2; i++)
		pthread_create(&threads[i], NULL, i < WRITERS ? run_writer : run_ranges, &crowd);
	for (int i = 0; i < WRITERS + 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crowd.start);
}

static void *run_coming_and_going(void *data)
{
	struct crowd *crowd = data;

	pthread_barrier_wait(&crowd->start);
	for (int i = 0; i < 60; i++) {
		struct store_watch *watch = NULL;
		struct seen seen;
		uint64_t revision;

		count_records(crowd->store, "", &revision);
		seen_init(&seen, revision);
		assert_int_equal(store_watch(crowd->store, "", revision, seen_call, &seen, &watch),
				 0);
		if (i % 2)
			seen_wait(&seen, revision + 1);
		store_unwatch(crowd->store, watch);
		assert_int_equal(seen.skipped, 0);
		/* Freed at once: a late callback would touch it, and a sanitizer would say so. */
		seen_done(&seen);
		memset(&seen, 0xff, sizeof(seen));
	}
	return NULL;
}

static void watchers_come_and_go_while_others_write(void **state)
{
	struct crowd crowd = {.store = store_of(state)};
	pthread_t writers[2], watchers[2];

	pthread_barrier_init(&crowd.start, NULL, 4);
	for (int i = 0; i < 2; i++) {
		pthread_create(&watchers[i], NULL, run_coming_and_going, &crowd);
		pthread_create(&writers[i], NULL, run_writer, &crowd);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	/* The watchers wait for new revisions: write until they are through. */
	for (int i = 0; i < 2; i++)
		while (pthread_tryjoin_np(watchers[i], NULL) != 0)
			put_text(crowd.store, "tick", "x");
	pthread_barrier_destroy(&crowd.start);
}

#define TESTS(T)                                              \
	T(writers_compare_and_set_lose_no_count)              \
	T(ranges_while_others_write_are_as_of_their_revision) \
	T(watchers_come_and_go_while_others_write)

int main(void)
{
	const struct CMUnitTest tests[] = {TESTS(ON_MEMORY) TESTS(ON_SQLITE)};

	return cmocka_run_group_tests_name("store_threads", tests, NULL, NULL);
}
