/* Exports while other threads check and change: no race, and nothing is missing. */
/* SPDX-License-Identifier: MIT */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/kit.h"

enum {
	WORKERS = 3,
	KEYS = 500,
	CHECKS = 4000,
};

struct worker {
	pthread_t id;
	struct engine *engine;
	unsigned number;
	atomic_uint errors;
};

static void *check_keys(void *data)
{
	struct worker *worker = data;
	struct engine_verdict verdict;
	char key[16];

	for (unsigned i = 0; i < CHECKS; i++) {
		snprintf(key, sizeof(key), "k%u", (worker->number + i * 7) % KEYS);
		if (kit_check(worker->engine, key, 1, START_NS + i, &verdict))
			worker->errors++;
		if (i % 50 == 0)
			engine_sweep(worker->engine, START_NS + i, 100);
	}
	return NULL;
}

static void export_beside_checks_shows_what_was_there_before(void **state)
{
	struct engine *engine = kit_engine(10 * KEYS), *after = kit_engine(10 * KEYS);
	struct engine_change day =
		kit_put("day", "*", SLUICE_FIXED_WINDOW, 100000, 86400 * SECOND_NS);
	struct worker workers[WORKERS] = {{0}};
	struct engine_imported result;
	char key[16];

	kit_apply(engine, &day, START_NS);
	kit_apply(after, &day, START_NS);
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_true(kit_allowed(engine, key, 500, START_NS));
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].engine = engine;
		workers[i].number = i;
		assert_int_equal(pthread_create(&workers[i].id, NULL, check_keys, &workers[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		struct kit_state *exported = kit_export(engine, START_NS);

		kit_limit(engine, i % 2 ? "a" : "b", "k*", 1000000);
		assert_int_equal(kit_import(after, exported, START_NS, START_NS, &result), 0);
		kit_state_free(exported);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].id, NULL);
		assert_int_equal(workers[i].errors, 0);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_true(kit_remaining(after, key, 0, START_NS) <= 99500);
	}
	engine_free(engine);
	engine_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(export_beside_checks_shows_what_was_there_before),
	};

	return cmocka_run_group_tests_name("engine state threads", tests, NULL, NULL);
}
