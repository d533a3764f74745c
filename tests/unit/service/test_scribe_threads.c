/* Changes, checks and questions from many threads, over a ledger that fails now and then. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/ledger_priv.h"
#include "service/history.h"
#include "service/service_priv.h"
#include "unit/service/rig.h"

enum {
	CHANGERS = 3,
	CHANGES = 60, /* of each: a limit is made, reset and deleted */
	CHECKERS = 2,
	CHECKS = 20000, /* of each */
	QUESTIONS = 200,
	INTERVAL_MS = 5,
};

/* Each third call fails, half of those after it was carried out. */
static const struct ledger_ops *sound;
static unsigned int calls; /* guarded by the ledger's lock */

static bool fails(bool *ret_writes)
{
	calls++;
	*ret_writes = calls % 3 != 0 || calls % 2 == 0;
	return calls % 3 == 0;
}

static int add_entries(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
		       struct field_error *error)
{
	bool writes, failing = fails(&writes);

	if (writes && sound->add_entries(ledger, entries, n, error))
		abort();
	field_error_set(error, "", "the test says so");
	return failing ? LEDGER_E_REFUSED : 0;
}

static int add_usage(struct ledger *ledger, const struct ledger_addition *addition,
		     struct field_error *error)
{
	bool writes, failing = fails(&writes);

	if (writes && sound->add_usage(ledger, addition, error))
		abort();
	field_error_set(error, "", "the test says so");
	return failing ? LEDGER_E_REFUSED : 0;
}

static int setup(void **state)
{
	static struct ledger_ops faulty;
	int err = rig_setup(state);
	struct rig *rig = *state;

	rig_stop(rig);
	assert_int_equal(ledger_new_memory(&rig->ledger), 0);
	sound = rig->ledger->ops;
	faulty = *sound;
	faulty.add_entries = add_entries;
	faulty.add_usage = add_usage;
	rig->ledger->ops = &faulty;
	rig->snapshot_interval_ms = INTERVAL_MS;
	rig_start(rig, 100);
	return err;
}

struct worker {
	pthread_t thread;
	struct rig rig;
	unsigned int number;
};

static void *change(void *data)
{
	struct worker *worker = data;
	struct rig *rig = &worker->rig;
	char body[96], id[ID_SIZE];

	for (int i = 0; i < CHANGES; i++) {
		snprintf(body, sizeof(body), "{\"key\":\"c%u-%d\",\"limit\":5,\"interval\":\"1m\"}",
			 worker->number, i);
		rig_add(rig, body, id);
		assert_int_equal(
			admin_limit_reset(rig->service, &rig->actor, id, NULL, 0, &rig->error), 0);
		assert_int_equal(rig_delete(rig, id, 0), 0);
	}
	return NULL;
}

static void *check(void *data)
{
	struct worker *worker = data;

	for (int i = 0; i < CHECKS; i++)
		rig_allows(&worker->rig, "k", 1);
	return NULL;
}

static int count_entry(const struct ledger_entry *entry, void *data)
{
	++*(size_t *)data;
	return 0;
}

static size_t count_changes(struct rig *rig)
{
	size_t n = 0;

	assert_int_equal(service_each_change(rig->service, &rig->who, (struct ledger_search){0},
					     count_entry, &n, &rig->error),
			 0);
	return n;
}

static int sum_checks(const struct ledger_usage *usage, void *data)
{
	*(uint64_t *)data += usage->allowed;
	return 0;
}

static uint64_t count_checks(struct rig *rig)
{
	const struct ledger_span span = {.to_ms = INT64_MAX, .period_ms = LEDGER_HOUR_MS};
	uint64_t sum = 0;

	assert_int_equal(service_each_usage(rig->service, &rig->who, span, sum_checks, &sum,
					    &rig->error),
			 0);
	return sum;
}

static void *ask(void *data)
{
	struct worker *worker = data;
	uint64_t checks = 0;
	size_t changes = 0;

	for (int i = 0; i < QUESTIONS; i++) {
		uint64_t checks_now = count_checks(&worker->rig);
		size_t changes_now = count_changes(&worker->rig);

		assert_true(checks_now >= checks && changes_now >= changes);
		checks = checks_now;
		changes = changes_now;
	}
	return NULL;
}

static void start(struct worker *worker, struct rig *rig, void *(*run)(void *data))
{
	worker->rig = *rig;
	worker->rig.actor.who = &worker->rig.who;
	assert_int_equal(pthread_create(&worker->thread, NULL, run, worker), 0);
}

static void everything_is_written_once_in_the_end(void **state)
{
	struct rig *rig = *state;
	struct worker workers[CHANGERS + CHECKERS], reader;
	struct service_ledger ledger;

	start(&reader, rig, ask);
	for (unsigned int i = 0; i < CHANGERS + CHECKERS; i++) {
		workers[i].number = i;
		start(&workers[i], rig, i < CHANGERS ? change : check);
	}
	for (unsigned int i = 0; i < CHANGERS + CHECKERS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_join(reader.thread, NULL);
	pthread_mutex_lock(&rig->ledger->lock);
	rig->ledger->ops = sound;
	pthread_mutex_unlock(&rig->ledger->lock);
	assert_int_equal(count_changes(rig), 3 * CHANGERS * CHANGES);
	assert_int_equal(count_checks(rig), CHECKERS * CHECKS);
	service_ledger(rig->service, &ledger);
	assert_int_equal(ledger.lost, 0);
	assert_int_equal(rig_count_records(rig, "audit/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_is_written_once_in_the_end, setup,
						rig_teardown),
	};

	return cmocka_run_group_tests_name("service/scribe", tests, rig_random, NULL);
}
