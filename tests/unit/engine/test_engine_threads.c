/* Many threads in one engine: never above a limit, all or nothing, no race. */
/* SPDX-License-Identifier: MIT */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/kit.h"

enum {
	THREADS = 8,
	CHECKS = 3000,
	LIMIT = 5000,
	KEYS = 6,
	LIMITS = 32, /* of one key: a long way from the first word to the last */
	OUTSIDE_CHECKS = 30000,
};

struct worker {
	pthread_t id;
	struct engine *engine;
	pthread_barrier_t *start;
	unsigned number;
	uint64_t admitted[KEYS];
	uint64_t errors;
};

static void number_key(unsigned number, char key[16])
{
	snprintf(key, 16, "k%u", number);
}

/* cmocka's asserts are for the main thread: workers count. */
static void check_once(struct worker *worker, unsigned number, int64_t cost, uint64_t now_ns)
{
	struct engine_verdict verdict;
	char key[16];

	number_key(number, key);
	if (kit_check(worker->engine, key, cost, now_ns, &verdict))
		worker->errors++;
	else if (verdict.allowed)
		worker->admitted[number % KEYS] += (uint64_t)cost;
}

static void start_workers(struct worker *workers, struct engine *engine, unsigned n,
			  pthread_barrier_t *start, void *(*run)(void *))
{
	pthread_barrier_init(start, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		workers[i] = (struct worker){.engine = engine, .start = start, .number = i};
		assert_int_equal(pthread_create(&workers[i].id, NULL, run, &workers[i]), 0);
	}
}

static void join_workers(struct worker *workers, unsigned n, pthread_barrier_t *start)
{
	for (unsigned i = 0; i < n; i++) {
		pthread_join(workers[i].id, NULL);
		assert_int_equal(workers[i].errors, 0);
	}
	pthread_barrier_destroy(start);
}

static uint64_t sum_admitted(const struct worker *workers, unsigned n, unsigned key)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += workers[i].admitted[key];
	return sum;
}

static void *check_one_key(void *data)
{
	struct worker *worker = data;

	pthread_barrier_wait(worker->start);
	for (int i = 0; i < CHECKS; i++)
		check_once(worker, 0, 1, START_NS);
	return NULL;
}

static void engine_check_eight_threads_admit_exactly_the_limit(void **state)
{
	for (uint32_t algorithm = 0; algorithm < 3; algorithm++) {
		struct engine *engine = kit_engine(10);
		struct engine_change change = kit_put("a", "k0", algorithm, LIMIT, 60 * SECOND_NS);
		struct engine_limit_stats stats;
		struct worker workers[THREADS];
		pthread_barrier_t start;

		kit_apply(engine, &change, START_NS);
		start_workers(workers, engine, THREADS, &start, check_one_key);
		join_workers(workers, THREADS, &start);
		assert_int_equal(sum_admitted(workers, THREADS, 0), LIMIT);
		assert_int_equal(engine_limit_stats(engine, "a", &stats), 0);
		assert_int_equal(stats.allowed, LIMIT);
		assert_int_equal(stats.denied, THREADS * CHECKS - LIMIT);
		engine_free(engine);
	}
}

static void *check_several_keys(void *data)
{
	struct worker *worker = data;

	pthread_barrier_wait(worker->start);
	for (unsigned i = 0; i < CHECKS; i++)
		check_once(worker, (i + worker->number) % KEYS, 1 + i % 2, START_NS);
	return NULL;
}

/* The limit of each key goes up and down; a second one counts what passed. */
static void *change_limits(void *data)
{
	struct worker *worker = data;
	struct engine_change change = kit_put("a", "k*", worker->number, 1, 60 * SECOND_NS);

	pthread_barrier_wait(worker->start);
	for (uint64_t i = 0; i < 400; i++) {
		change.limit.params =
			kit_params(worker->number, i % 2 ? 1000 : 600, 60 * SECOND_NS);
		if (engine_apply(worker->engine, &change, 1, START_NS))
			worker->errors++;
	}
	return NULL;
}

static void engine_apply_under_checks_admits_no_more_than_the_largest_limit(void **state)
{
	for (uint32_t algorithm = 0; algorithm < 3; algorithm++) {
		struct engine *engine = kit_engine(100);
		struct engine_change change = kit_put("a", "k*", algorithm, 1000, 60 * SECOND_NS);
		struct engine_change other =
			kit_put("b", "*", SLUICE_FIXED_WINDOW, 100000, 3600 * SECOND_NS);
		struct worker workers[THREADS], changer = {.number = algorithm};
		pthread_barrier_t start;

		kit_apply(engine, &change, START_NS);
		kit_apply(engine, &other, START_NS);
		pthread_barrier_init(&start, NULL, THREADS + 1);
		changer.engine = engine;
		changer.start = &start;
		for (unsigned i = 0; i < THREADS; i++) {
			workers[i] =
				(struct worker){.engine = engine, .start = &start, .number = i};
			pthread_create(&workers[i].id, NULL, check_several_keys, &workers[i]);
		}
		pthread_create(&changer.id, NULL, change_limits, &changer);
		pthread_join(changer.id, NULL);
		assert_int_equal(changer.errors, 0);
		join_workers(workers, THREADS, &start);
		for (unsigned i = 0; i < KEYS; i++) {
			uint64_t sum = sum_admitted(workers, THREADS, i);
			char key[16];

			number_key(i, key);
			/* More was asked for than that: it stops at a limit, not before. */
			assert_in_range(sum, 598, 1000);
			/* What passed was charged to both limits, what did not to neither. */
			assert_int_equal(kit_remaining(engine, key, 1, START_NS), 100000 - sum);
		}
		engine_free(engine);
	}
}

static void look_ahead(struct worker *worker, unsigned first)
{
	struct engine_key keys[ENGINE_AHEAD_MAX];
	char texts[ENGINE_AHEAD_MAX][16];

	for (unsigned i = 0; i < ENGINE_AHEAD_MAX; i++) {
		number_key((first + i) % 1009, texts[i]);
		keys[i] = (struct engine_key){texts[i], strlen(texts[i])};
	}
	engine_look_ahead(worker->engine, 0, keys, ENGINE_AHEAD_MAX);
}

static void *check_many_keys(void *data)
{
	struct worker *worker = data;
	uint64_t now_ns = START_NS;

	pthread_barrier_wait(worker->start);
	for (unsigned i = 0; i < CHECKS; i++, now_ns += SECOND_NS / 300) {
		check_once(worker, i * 7919 % 1009, 1 + i % 3, now_ns);
		if (i % 16 == 0)
			check_once(worker, i % 1009, -1, now_ns);
		if (i % 16 == 1)
			look_ahead(worker, i);
	}
	return NULL;
}

static void churn_once(struct worker *worker, unsigned i, uint64_t now_ns)
{
	struct engine_change change =
		kit_put(i % 3 ? "a" : "c", i % 3 ? "k*" : "*1*", i % 3, 1 + i % 7, SECOND_NS);
	struct engine_limit_stats stats;
	struct engine_usage usage;

	if (i % 5 == 0)
		change.op = ENGINE_RESET;
	if (i % 3 == 0 && i % 2)
		change.op = ENGINE_DELETE;
	if (engine_apply(worker->engine, &change, 1, now_ns) < 0 ||
	    engine_reset_key(worker->engine, "b", "k5", 2, now_ns))
		worker->errors++;
	if (i % 2)
		engine_keys_max(worker->engine, 500 + i % 700);
	else
		engine_tenant_keys_max(worker->engine, 0, 500 + i % 700);
	engine_limit_stats(worker->engine, "c", &stats);
	engine_usage(worker->engine, &usage);
}

static void *churn(void *data)
{
	struct worker *worker = data;
	uint64_t now_ns = START_NS;

	pthread_barrier_wait(worker->start);
	for (unsigned i = 0; i < 300; i++, now_ns += SECOND_NS / 30) {
		churn_once(worker, i, now_ns);
		engine_sweep(worker->engine, now_ns, 700);
	}
	return NULL;
}

static void *check_or_churn(void *data)
{
	struct worker *worker = data;

	return worker->number < 2 ? churn(data) : check_many_keys(data);
}

static void engine_everything_at_once_is_consistent(void **state)
{
	struct engine *engine = kit_engine(1000);
	uint64_t later = START_NS + 3600 * SECOND_NS;
	struct worker workers[6];
	pthread_barrier_t start;

	kit_limit(engine, "a", "k*", 5);
	kit_limit(engine, "b", "k5*", 3);
	start_workers(workers, engine, 6, &start, check_or_churn);
	for (unsigned i = 0; i < 6; i++) {
		pthread_join(workers[i].id, NULL);
		/* Checks may meet the bound, which the churn moves. */
		if (i < 2)
			assert_int_equal(workers[i].errors, 0);
	}
	pthread_barrier_destroy(&start);
	kit_sweep(engine, later);
	assert_int_equal(kit_usage(engine).keys, 0);
	assert_int_equal(kit_usage(engine).words, 0);
	assert_int_equal(kit_usage(engine).bytes, 0);
	engine_free(engine);
}

/* A door without the shard's lock: it knows the words only, and steps them as the engine does. */
struct outsider {
	pthread_t id;
	uint64_t *words;
	struct sluice_params params;
	bool stop;
};

static char *only_slab;

static void *map_only_slab(void *context, size_t bytes)
{
	only_slab = memset(aligned_alloc(64, bytes), 0, bytes);
	return only_slab;
}

static void unmap_only_slab(void *context, void *slab, size_t bytes)
{
	free(slab);
}

static void charge_outside(struct outsider *outsider, int64_t cost)
{
	uint64_t word = __atomic_load_n(&outsider->words[LIMITS - 1], __ATOMIC_RELAXED), next;

	do
		next = sluice_charge(word, START_NS, cost, &outsider->params);
	while (!__atomic_compare_exchange_n(&outsider->words[LIMITS - 1], &word, next, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* Fills the last limit and empties it again, often between the engine's look and its charge. */
static void *interfere(void *data)
{
	struct outsider *outsider = data;

	while (!__atomic_load_n(&outsider->stop, __ATOMIC_RELAXED)) {
		charge_outside(outsider, 1000000);
		charge_outside(outsider, -1000000);
	}
	return NULL;
}

static struct engine *make_shared_engine(const struct engine_slab_ops *ops)
{
	struct engine_config config = {.keys_max = 1, .slabs = ops};
	struct engine *engine;

	assert_int_equal(engine_new(&config, &engine), 0);
	for (int i = 0; i < LIMITS; i++) {
		char id[16];
		struct engine_change change =
			kit_put(id, "k", SLUICE_FIXED_WINDOW, 1000000, 3600 * SECOND_NS);

		snprintf(id, sizeof(id), "l%d", i);
		kit_apply(engine, &change, START_NS);
	}
	return engine;
}

static void engine_check_beside_a_door_without_the_lock_stays_exact(void **state)
{
	struct engine_slab_ops ops = {.map = map_only_slab, .unmap = unmap_only_slab};
	struct engine *engine = make_shared_engine(&ops);
	struct outsider outsider = {
		.params = kit_params(SLUICE_FIXED_WINDOW, 1000000, 3600 * SECOND_NS)};
	uint64_t admitted = 1;

	assert_true(kit_allowed(engine, "k", 1, START_NS));
	/* The first key of a fresh engine has the first words of its first slab. */
	outsider.words = (uint64_t *)(void *)only_slab;
	assert_true(outsider.words[0] != 0 && outsider.words[0] == outsider.words[LIMITS - 1]);
	pthread_create(&outsider.id, NULL, interfere, &outsider);
	for (int i = 0; i < OUTSIDE_CHECKS; i++)
		admitted += kit_allowed(engine, "k", 1, START_NS);
	__atomic_store_n(&outsider.stop, true, __ATOMIC_RELAXED);
	pthread_join(outsider.id, NULL);
	/* What the last limit refused at the last moment was given back to the others. */
	for (uint32_t i = 0; i < LIMITS; i++)
		assert_int_equal(kit_remaining(engine, "k", i, START_NS), 1000000 - admitted);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_check_eight_threads_admit_exactly_the_limit),
		cmocka_unit_test(engine_apply_under_checks_admits_no_more_than_the_largest_limit),
		cmocka_unit_test(engine_everything_at_once_is_consistent),
		cmocka_unit_test(engine_check_beside_a_door_without_the_lock_stays_exact),
	};

	return cmocka_run_group_tests_name("engine threads", tests, NULL, NULL);
}
