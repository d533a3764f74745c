/* Snapshots one after the other beside checks and changes: no race, and the last one is exact. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/backends.h"
#include "unit/service/rig.h"

enum {
	WORKERS = 3,
	CHECKS = 3000,
	KEYS = 40,
	LIMIT = 1000000,
	WAIT_MS = 20000,
};

struct worker {
	pthread_t id;
	struct rig *rig;
	unsigned int number;
	unsigned int consumed[KEYS];
	unsigned int errors;
};

static void *consume(void *data)
{
	struct worker *worker = data;
	struct check_answer answer;
	char key[16];

	for (unsigned int i = 0; i < CHECKS; i++) {
		unsigned int which = (worker->number * 7 + i) % KEYS;

		snprintf(key, sizeof(key), "k%u", which);
		if (rig_ask(worker->rig, key, 1, false, &answer) || !answer.allowed)
			worker->errors++;
		else
			worker->consumed[which]++;
	}
	return NULL;
}

static void await_snapshot(struct rig *rig)
{
	struct service_snapshots snapshots = {0};

	for (unsigned int i = 0; i < WAIT_MS && snapshots.written == 0; i++) {
		usleep(1000);
		service_snapshots(rig->service, &snapshots);
	}
	assert_true(snapshots.written > 0);
}

static void snapshots_beside_checks_end_exact(void **state)
{
	struct worker workers[WORKERS] = {{0}};
	struct service_snapshots snapshots;
	struct check_answer answer;
	struct rig *rig;
	char id[ID_SIZE], key[16];

	rig_setup(state);
	rig = *state;
	rig_stop(rig);
	assert_int_equal(journal_open_memory(&rig->journal), 0);
	/* Were it not changed below, there would be none before the last. */
	rig->snapshot_interval_ms = 3600000;
	rig_start(rig, 1000);
	rig_add(rig, RIG_LIMIT("k*", 1000000, "1h"), id);
	for (unsigned int i = 0; i < WORKERS; i++) {
		workers[i].rig = rig;
		workers[i].number = i;
		assert_int_equal(pthread_create(&workers[i].id, NULL, consume, &workers[i]), 0);
	}
	service_set_snapshot_interval(rig->service, 1);
	rig_add(rig, RIG_LIMIT("k1*", 1000000, "1h"), id);
	for (unsigned int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].id, NULL);
		assert_int_equal(workers[i].errors, 0);
	}
	await_snapshot(rig);
	service_save(rig->service);
	service_snapshots(rig->service, &snapshots);
	assert_true(snapshots.written >= 1);
	assert_string_equal(snapshots.failing, "");
	rig_stop(rig);
	rig_start(rig, 1000);
	for (unsigned int i = 0; i < KEYS; i++) {
		unsigned int consumed = 0;

		for (unsigned int j = 0; j < WORKERS; j++)
			consumed += workers[j].consumed[i];
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(rig_ask(rig, key, 1, true, &answer), 0);
		assert_int_equal(answer.tightest.remaining, LIMIT - consumed);
	}
	rig_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_beside_checks_end_exact),
	};

	return cmocka_run_group_tests_name("service saver threads", tests, rig_random, NULL);
}
