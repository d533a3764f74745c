/* Creations that race for the last slot, beside deletions, resets and readers. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "unit/service/rig.h"

enum {
	ROUNDS = 10,
	RACERS = 3,
};

static void make_body(char body[160], int port)
{
	snprintf(body, 160,
		 "{\"scope\":\"packet\",\"match\":{\"dst_port\":%d},\"limit\":9,"
		 "\"interval\":\"1s\"}",
		 port);
}

/* Asserts of cmocka belong to the main thread: others report. */
struct racer {
	struct rig rig; /* a copy, for an error of its own */
	pthread_barrier_t *barrier;
	int port;
	int outcome;
	char id[ID_SIZE];
};

static void *create_one(void *data)
{
	struct racer *racer = data;
	struct admin_result result;
	char body[160];

	make_body(body, racer->port);
	pthread_barrier_wait(racer->barrier);
	racer->outcome = rig_create(&racer->rig, body, &result);
	if (racer->outcome)
		return NULL;
	memcpy(racer->id, result.limit.id, ID_SIZE);
	limit_done(&result.limit);
	return NULL;
}

/* Returns the winner; asserts that there is one only. */
static struct racer *race(struct rig *rig, struct racer *racers)
{
	struct racer *winner = NULL;
	pthread_barrier_t barrier;
	pthread_t threads[RACERS];

	pthread_barrier_init(&barrier, NULL, RACERS);
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.rig = *rig, .barrier = &barrier, .port = 5000 + i};
		assert_int_equal(pthread_create(&threads[i], NULL, create_one, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (int i = 0; i < RACERS; i++) {
		if (racers[i].outcome == ADMIN_E_TOO_MANY)
			continue;
		assert_int_equal(racers[i].outcome, 0);
		assert_null(winner);
		winner = &racers[i];
	}
	assert_non_null(winner);
	return winner;
}

static void create_for_the_last_slot_is_won_by_one(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	struct racer racers[RACERS];
	struct racer *winner;
	char body[160], id[ID_SIZE];

	for (int i = 1; i < SLUICE_RULES_MAX; i++) {
		make_body(body, i);
		rig_add(rig, body, id);
	}
	for (int i = 0; i < ROUNDS; i++) {
		winner = race(rig, racers);
		assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX);
		assert_non_null(rig_rule(rig, winner->id));
		assert_int_equal(rig_delete(rig, winner->id, 0), 0);
	}
	assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX - 1);
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 0);
}

struct reader {
	struct rig rig;
	atomic_bool *stop;
	const struct limit *limit;
};

static void *read_until_stopped(void *data)
{
	struct reader *reader = data;
	struct service *service = reader->rig.service;
	char reason[SERVICE_REASON_SIZE];
	struct limit_capacity capacity;
	struct service_packets packets;
	struct sluice_reasons reasons;
	struct limit_stats stats;

	while (!atomic_load(reader->stop)) {
		service_ready(service, reason);
		service_packets(service, &packets);
		service_packet_reasons(service, &reasons);
		service_limit_stats(service, reader->limit, &stats);
		service_limit_capacity(service, reader->limit, &capacity);
		admin_limit_reset(service, &reader->rig.actor, reader->limit->id, NULL, 0,
				  &reader->rig.error);
	}
	return NULL;
}

static void readers_amid_changes_see_whole_states(void **state)
{
	struct rig *rig = *state;
	struct admin_result watched;
	atomic_bool stop = false;
	struct reader reader;
	pthread_t thread;
	char id[ID_SIZE];

	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &watched), 0);
	reader = (struct reader){.rig = *rig, .stop = &stop, .limit = &watched.limit};
	assert_int_equal(pthread_create(&thread, NULL, read_until_stopped, &reader), 0);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		rig_add(rig, RIG_PACKETS(54, 100), id);
		assert_int_equal(rig_delete(rig, id, 0), 0);
	}
	assert_int_equal(rig_delete(rig, watched.limit.id, 0), 0);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(rig_rules(rig), 0);
	limit_done(&watched.limit);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_for_the_last_slot_is_won_by_one),
		ON_RIG(readers_amid_changes_see_whole_states),
	};

	return cmocka_run_group_tests_name("service/packets_threads", tests, rig_random, NULL);
}
