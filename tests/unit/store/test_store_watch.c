/* Every sentence of store.h about watching, on each backend. */
/* SPDX-License-Identifier: MIT */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/store/backends.h"
#include "unit/store/fixture.h"

static struct store_watch *watch_from(struct store *store, const char *prefix, uint64_t from,
				      struct seen *seen)
{
	struct store_watch *watch = NULL;

	seen_init(seen, from);
	assert_int_equal(store_watch(store, prefix, from, seen_call, seen, &watch), 0);
	return watch;
}

static void assert_event(const struct seen *seen, size_t i, const char *key, const char *value,
			 uint64_t revision)
{
	assert_string_equal(seen->first_keys[i], key);
	assert_string_equal(seen->first_values[i], value);
	assert_int_equal(seen->first_revisions[i], revision);
}

static void watch_from_0_gets_all_history_in_order(void **state)
{
	struct store *store = store_of(state);
	struct seen seen;
	struct store_watch *watch;

	put_text(store, "a", "1");
	put_text(store, "b", "2");
	put_text(store, "a", "3");
	delete_key(store, "b");
	watch = watch_from(store, "", 0, &seen);
	put_text(store, "c", "");
	seen_wait(&seen, 5);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 5);
	assert_int_equal(seen.skipped, 0);
	assert_int_equal(seen.n_events, 5);
	assert_event(&seen, 0, "a", "1", 1);
	assert_event(&seen, 1, "b", "2", 2);
	assert_event(&seen, 2, "a", "3", 3);
	assert_event(&seen, 3, "b", "-", 4);
	assert_event(&seen, 4, "c", "", 5);
	seen_done(&seen);
}

static void watch_from_old_revision_gets_only_later_ones(void **state)
{
	struct store *store = store_of(state);
	struct seen seen;
	struct store_watch *watch;

	for (int i = 0; i < 10; i++)
		put_text(store, "a", "x");
	watch = watch_from(store, "", 7, &seen);
	seen_wait(&seen, 10);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 3);
	assert_int_equal(seen.skipped, 0);
	assert_event(&seen, 0, "a", "x", 8);
	seen_done(&seen);
}

static void watch_from_present_gets_only_new_ones(void **state)
{
	struct store *store = store_of(state);
	struct seen seen;
	struct store_watch *watch;
	uint64_t revision;

	put_text(store, "a", "old");
	put_text(store, "b", "old");
	assert_int_equal(count_records(store, "", &revision), 2);
	watch = watch_from(store, "", revision, &seen);
	put_text(store, "c", "new");
	seen_wait(&seen, 3);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 1);
	assert_int_equal(seen.skipped, 0);
	assert_event(&seen, 0, "c", "new", 3);
	seen_done(&seen);
}

static void watch_of_prefix_is_called_for_other_revisions_without_events(void **state)
{
	struct store *store = store_of(state);
	struct seen seen;
	struct store_watch *watch = watch_from(store, "a%/", 0, &seen);

	put_text(store, "a%/1", "in");
	put_text(store, "ab/2", "out");
	put_text(store, "a%", "out");
	put_text(store, "a%/3", "in");
	seen_wait(&seen, 4);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 4);
	assert_int_equal(seen.skipped, 0);
	assert_int_equal(seen.n_events, 2);
	assert_event(&seen, 0, "a%/1", "in", 1);
	assert_event(&seen, 1, "a%/3", "in", 4);
	seen_done(&seen);
}

static void watch_gets_one_txn_in_one_call_puts_then_deletions(void **state)
{
	struct store *store = store_of(state);
	struct store_put puts[] = {{"z", "1", 1}, {"b", "2", 1}, {"out", "3", 1}};
	const char *deletes[] = {"y", "absent", "a"};
	struct store_txn txn = {.puts = puts, .n_puts = 3, .deletes = deletes, .n_deletes = 3};
	struct store_watch *watch;
	struct seen seen;
	uint64_t revision;

	put_text(store, "a", "x");
	put_text(store, "y", "x");
	watch = watch_from(store, "", 2, &seen);
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	seen_wait(&seen, 3);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 1);
	assert_int_equal(seen.n_events, 5);
	assert_event(&seen, 0, "z", "1", 3);
	assert_event(&seen, 1, "b", "2", 3);
	assert_event(&seen, 2, "out", "3", 3);
	assert_event(&seen, 3, "y", "-", 3);
	assert_event(&seen, 4, "a", "-", 3);
	seen_done(&seen);
}

static void watch_conflict_and_empty_txn_call_nobody(void **state)
{
	struct store *store = store_of(state);
	struct store_compare compare = {"a", 5};
	struct store_put put = {"a", "x", 1};
	struct store_txn txn = {&compare, 1, &put, 1, NULL, 0};
	struct seen seen;
	struct store_watch *watch = watch_from(store, "", 0, &seen);
	uint64_t revision;

	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_CONFLICT);
	delete_key(store, "absent");
	put_text(store, "b", "x");
	seen_wait(&seen, 1);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 1);
	assert_event(&seen, 0, "b", "x", 1);
	seen_done(&seen);
}

static void watch_full_txn_arrives_whole(void **state)
{
	struct store *store = store_of(state);
	static struct store_put puts[STORE_OPERATIONS_MAX];
	static char keys[STORE_OPERATIONS_MAX][8];
	struct store_txn txn = {.puts = puts, .n_puts = STORE_OPERATIONS_MAX};
	struct seen seen;
	struct store_watch *watch = watch_from(store, "", 0, &seen);
	uint64_t revision;

	for (int i = 0; i < STORE_OPERATIONS_MAX; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i);
		puts[i] = (struct store_put){keys[i], "", 0};
	}
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	seen_wait(&seen, 1);
	store_unwatch(store, watch);
	assert_int_equal(seen.max_events, STORE_OPERATIONS_MAX);
	assert_int_equal(seen.n_events, STORE_OPERATIONS_MAX);
	seen_done(&seen);
}

enum {
	WATCHERS = 5,
};

static void watch_by_several_each_gets_all_from_its_own_revision(void **state)
{
	struct store *store = store_of(state);
	struct store_watch *watches[WATCHERS];
	struct seen seen[WATCHERS];

	for (int i = 0; i < 100; i++)
		put_text(store, "a", "x");
	for (unsigned int i = 0; i < WATCHERS; i++)
		watches[i] = watch_from(store, i % 2 ? "a" : "none", i * 25, &seen[i]);
	for (int i = 0; i < 100; i++)
		put_text(store, "a", "x");
	for (unsigned int i = 0; i < WATCHERS; i++) {
		seen_wait(&seen[i], 200);
		store_unwatch(store, watches[i]);
		assert_int_equal(seen[i].n_calls, 200 - i * 25);
		assert_int_equal(seen[i].skipped, 0);
		assert_int_equal(seen[i].n_events, i % 2 ? 200 - i * 25 : 0);
		seen_done(&seen[i]);
	}
}

/* A watcher that stands still until it is let go, and then records. */
struct gate {
	sem_t entered, open;
	atomic_bool closed;
	struct seen seen;
};

static void call_gate(uint64_t revision, const struct store_record *events, size_t n, void *data)
{
	struct gate *gate = data;

	if (atomic_exchange(&gate->closed, false)) {
		sem_post(&gate->entered);
		sem_wait(&gate->open);
	}
	seen_call(revision, events, n, &gate->seen);
}

static struct store_watch *gate_close(struct store *store, struct gate *gate)
{
	struct store_watch *watch = NULL;

	sem_init(&gate->entered, 0, 0);
	sem_init(&gate->open, 0, 0);
	atomic_init(&gate->closed, true);
	seen_init(&gate->seen, 0);
	assert_int_equal(store_watch(store, "", 0, call_gate, gate, &watch), 0);
	put_text(store, "first", "x");
	sem_wait(&gate->entered);
	return watch;
}

static void gate_done(struct gate *gate)
{
	sem_destroy(&gate->entered);
	sem_destroy(&gate->open);
	seen_done(&gate->seen);
}

static void watch_that_stands_still_blocks_no_txn_and_loses_nothing(void **state)
{
	struct store *store = store_of(state);
	struct gate gate;
	struct store_watch *watch = gate_close(store, &gate);

	/* Were any of these to wait for the watcher, the test would hang here. */
	for (int i = 0; i < 300; i++)
		put_text(store, "a", "x");
	assert_int_equal(count_records(store, "", NULL), 2);
	sem_post(&gate.open);
	seen_wait(&gate.seen, 301);
	store_unwatch(store, watch);
	assert_int_equal(gate.seen.n_calls, 301);
	assert_int_equal(gate.seen.skipped, 0);
	gate_done(&gate);
}

static void *open_gate_later(void *data)
{
	usleep(50000);
	sem_post(&((struct gate *)data)->open);
	return NULL;
}

static void unwatch_during_a_callback_waits_for_it_and_ends_it(void **state)
{
	struct store *store = store_of(state);
	struct gate gate;
	struct store_watch *watch = gate_close(store, &gate);
	pthread_t opener;

	put_text(store, "a", "x");
	pthread_create(&opener, NULL, open_gate_later, &gate);
	store_unwatch(store, watch);
	/* Only the call that was under way came through. */
	assert_int_equal(gate.seen.n_calls, 1);
	put_text(store, "a", "x");
	pthread_join(opener, NULL);
	assert_int_equal(gate.seen.n_calls, 1);
	gate_done(&gate);
}

static void close_ends_watches_that_are_left(void **state)
{
	struct backend *backend = *state;
	struct seen seen;
	size_t calls;

	watch_from(backend->store, "", 0, &seen);
	put_text(backend->store, "a", "x");
	store_close(backend->store);
	calls = seen.n_calls;
	assert_true(calls <= 1);
	backend->store = NULL;
	seen_done(&seen);
}

struct replier {
	struct store *store;
	struct seen seen;
};

static void reply_once(uint64_t revision, const struct store_record *events, size_t n, void *data)
{
	struct replier *replier = data;

	if (revision == 1)
		put_text(replier->store, "reply", "x");
	seen_call(revision, events, n, &replier->seen);
}

static void watch_callback_may_write(void **state)
{
	struct replier replier = {.store = store_of(state)};
	struct store_watch *watch;

	seen_init(&replier.seen, 0);
	assert_int_equal(store_watch(replier.store, "", 0, reply_once, &replier, &watch), 0);
	put_text(replier.store, "question", "x");
	seen_wait(&replier.seen, 2);
	store_unwatch(replier.store, watch);
	assert_event(&replier.seen, 1, "reply", "x", 2);
	seen_done(&replier.seen);
}

static void watch_from_the_future_is_compacted(void **state)
{
	struct store *store = store_of(state);
	struct store_watch *watch = NULL;
	struct seen seen;

	seen_init(&seen, 2);
	put_text(store, "a", "x");
	assert_int_equal(store_watch(store, "", 2, seen_call, &seen, &watch), STORE_E_COMPACTED);
	assert_null(watch);
	seen_done(&seen);
}

enum {
	KEPT = 10000,
	WRITTEN = 11000, /* the trimming has just happened */
};

static void watch_from_too_old_is_compacted_but_10000_are_kept(void **state)
{
	struct store *store = store_of(state);
	struct store_watch *watch = NULL;
	struct seen seen;

	for (int i = 0; i < WRITTEN; i++)
		put_text(store, "a", "x");
	seen_init(&seen, 0);
	assert_int_equal(store_watch(store, "", 0, seen_call, &seen, &watch), STORE_E_COMPACTED);
	assert_int_equal(store_watch(store, "", 400, seen_call, &seen, &watch), STORE_E_COMPACTED);
	seen_done(&seen);
	watch = watch_from(store, "", WRITTEN - KEPT, &seen);
	seen_wait(&seen, WRITTEN);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, KEPT);
	assert_int_equal(seen.skipped, 0);
	seen_done(&seen);
}

static void watch_that_lags_far_behind_still_gets_all(void **state)
{
	struct store *store = store_of(state);
	struct gate gate;
	struct store_watch *watch = gate_close(store, &gate);

	for (int i = 1; i < WRITTEN; i++)
		put_text(store, "a", "x");
	sem_post(&gate.open);
	seen_wait(&gate.seen, WRITTEN);
	store_unwatch(store, watch);
	assert_int_equal(gate.seen.n_calls, WRITTEN);
	assert_int_equal(gate.seen.skipped, 0);
	gate_done(&gate);
}

#define TESTS(T)                                                        \
	T(watch_from_0_gets_all_history_in_order)                       \
	T(watch_from_old_revision_gets_only_later_ones)                 \
	T(watch_from_present_gets_only_new_ones)                        \
	T(watch_of_prefix_is_called_for_other_revisions_without_events) \
	T(watch_gets_one_txn_in_one_call_puts_then_deletions)           \
	T(watch_conflict_and_empty_txn_call_nobody)                     \
	T(watch_full_txn_arrives_whole)                                 \
	T(watch_by_several_each_gets_all_from_its_own_revision)         \
	T(watch_that_stands_still_blocks_no_txn_and_loses_nothing)      \
	T(unwatch_during_a_callback_waits_for_it_and_ends_it)           \
	T(close_ends_watches_that_are_left)                             \
	T(watch_callback_may_write)                                     \
	T(watch_from_the_future_is_compacted)                           \
	T(watch_from_too_old_is_compacted_but_10000_are_kept)           \
	T(watch_that_lags_far_behind_still_gets_all)

int main(void)
{
	const struct CMUnitTest tests[] = {TESTS(ON_MEMORY) TESTS(ON_SQLITE)};

	return cmocka_run_group_tests_name("store_watch", tests, NULL, NULL);
}
