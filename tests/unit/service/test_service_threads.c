/* Checks, changes, sweeps and other hosts' writes at once. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit/service/rig.h"

enum {
	ROUNDS = 100,
	CHECKERS = 3,
	LIMIT_LOW = 200,
	LIMIT_HIGH = 300,
};

struct creator {
	struct rig rig; /* a copy, for an error of its own */
	pthread_barrier_t *barrier;
	unsigned int created;
	unsigned int existed;
	char id[ROUNDS][ID_SIZE];
	bool failed;
};

/* Asserts of cmocka belong to the main thread: others report. */
static void *create_all(void *data)
{
	struct creator *creator = data;
	struct admin_result result;
	char body[96];
	int r;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(body, sizeof(body), "{\"key\":\"key%d\",\"limit\":5,\"interval\":\"1m\"}",
			 i);
		pthread_barrier_wait(creator->barrier);
		r = rig_create(&creator->rig, body, &result);
		if (r == 0) {
			creator->created++;
			memcpy(creator->id[i], result.limit.id, ID_SIZE);
			limit_done(&result.limit);
		} else if (r == ADMIN_E_EXISTS) {
			creator->existed++;
			memcpy(creator->id[i], result.existing_id, ID_SIZE);
		} else {
			creator->failed = true;
		}
	}
	return NULL;
}

static void create_by_two_threads_is_won_by_one(void **state)
{
	struct rig *rig = *state;
	struct creator creators[2] = {0};
	pthread_barrier_t barrier;
	pthread_t threads[2];

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		creators[i].rig = *rig;
		creators[i].barrier = &barrier;
		assert_int_equal(pthread_create(&threads[i], NULL, create_all, &creators[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	assert_false(creators[0].failed || creators[1].failed);
	assert_int_equal(creators[0].created + creators[1].created, ROUNDS);
	assert_int_equal(creators[0].existed + creators[1].existed, ROUNDS);
	for (int i = 0; i < ROUNDS; i++)
		assert_string_equal(creators[0].id[i], creators[1].id[i]);
	assert_int_equal(rig_count_records(rig, "tenants/default/limits/"), ROUNDS);
	assert_int_equal(rig_count_allowed(rig, "key7", 9), 5);
}

struct checker {
	struct rig rig;
	atomic_bool *stop;
	atomic_uint *allowed;
	bool failed;
};

static void *check_until_stopped(void *data)
{
	struct checker *checker = data;
	struct check_answer answer;

	while (!atomic_load(checker->stop)) {
		if (rig_ask(&checker->rig, "k", 1, false, &answer))
			checker->failed = true;
		else if (answer.allowed)
			atomic_fetch_add(checker->allowed, 1);
	}
	return NULL;
}

static void start_checkers(struct rig *rig, struct checker *checkers, pthread_t *threads,
			   atomic_bool *stop, atomic_uint *allowed)
{
	for (int i = 0; i < CHECKERS; i++) {
		checkers[i] = (struct checker){.rig = *rig, .stop = stop, .allowed = allowed};
		assert_int_equal(
			pthread_create(&threads[i], NULL, check_until_stopped, &checkers[i]), 0);
	}
}

static void stop_checkers(struct checker *checkers, pthread_t *threads, atomic_bool *stop)
{
	atomic_store(stop, true);
	for (int i = 0; i < CHECKERS; i++) {
		pthread_join(threads[i], NULL);
		assert_false(checkers[i].failed);
	}
}

static void update(struct rig *rig, const char *id, unsigned int limit)
{
	struct admin_result result;
	char body[32];

	snprintf(body, sizeof(body), "{\"limit\":%u}", limit);
	assert_int_equal(rig_update(rig, id, body, 0, &result), 0);
	limit_done(&result.limit);
}

/* The clock stands: all that ever passes is the higher limit, however often it changes. */
static void checks_amid_updates_never_exceed_the_higher_limit(void **state)
{
	struct rig *rig = *state;
	struct checker checkers[CHECKERS];
	pthread_t threads[CHECKERS];
	atomic_uint allowed = 0;
	atomic_bool stop = false;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 200, "1m"), id);
	start_checkers(rig, checkers, threads, &stop, &allowed);
	for (int i = 0; i < ROUNDS; i++)
		update(rig, id, i % 2 ? LIMIT_LOW : LIMIT_HIGH);
	update(rig, id, LIMIT_HIGH);
	stop_checkers(checkers, threads, &stop);
	atomic_fetch_add(&allowed, rig_count_allowed(rig, "k", LIMIT_HIGH));
	/* Each conversion between the two rounds what was consumed up, so it may be fewer. */
	assert_in_range(allowed, LIMIT_LOW, LIMIT_HIGH);
}

static void *write_records(void *data)
{
	struct rig *rig = data;

	for (int i = 0; i < ROUNDS; i++) {
		if (i % 2)
			rig_remove(rig, "tenants/default/limits/lim_gone");
		else
			rig_write(rig, "tenants/default/limits/lim_gone", "damaged");
	}
	return NULL;
}

static void *read_catalogs(void *data)
{
	struct checker *reader = data;
	const struct limit *page[16];
	char reason[SERVICE_REASON_SIZE];
	struct catalog *catalog;
	struct engine_usage usage;

	while (!atomic_load(reader->stop)) {
		catalog = service_catalog_get(reader->rig.service);
		if (catalog_page(catalog, 0, NULL, page, 16) > catalog_count(catalog, 0))
			reader->failed = true;
		service_catalog_put(catalog);
		service_usage(reader->rig.service, &usage);
		service_ready(reader->rig.service, reason);
	}
	return NULL;
}

static void readers_and_writers_at_once_end_settled(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	struct checker reader = {.rig = *rig};
	atomic_bool stop = false;
	pthread_t threads[2];
	char id[ID_SIZE];

	reader.stop = &stop;
	assert_int_equal(pthread_create(&threads[0], NULL, read_catalogs, &reader), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, write_records, rig), 0);
	for (int i = 0; i < ROUNDS / 4; i++) {
		rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
		assert_int_equal(rig_count_allowed(rig, "k", 9), 5);
		assert_int_equal(rig_delete(rig, id, 0), 0);
	}
	pthread_join(threads[1], NULL);
	atomic_store(&stop, true);
	pthread_join(threads[0], NULL);
	assert_false(reader.failed);
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_gone"));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, ROUNDS / 2);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void service_stops_at_once(void **state)
{
	const struct timespec settle = {.tv_nsec = 3000000};
	struct rig *rig = *state;
	double began, took = 0;

	for (int i = 0; i < 20; i++) {
		/* Time for the sweeper to go to rest: only then is there something to cut short. */
		nanosleep(&settle, NULL);
		began = seconds();
		rig_stop(rig);
		took += seconds() - began;
		rig_start(rig, 10);
	}
	/* 20 rests of 0.1 s would take 2 s. */
	assert_true(took < 1.0);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_by_two_threads_is_won_by_one),
		ON_RIG(checks_amid_updates_never_exceed_the_higher_limit),
		ON_RIG(readers_and_writers_at_once_end_settled),
		ON_RIG(service_stops_at_once),
	};

	return cmocka_run_group_tests_name("service/threads", tests, rig_random, NULL);
}
