/* The engine's memory runs out: changes, checks and starts fail whole, and the service says so. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit/engine/failing_memory.h"
#include "unit/service/rig.h"

static bool is_ready(struct rig *rig, char reason[SERVICE_REASON_SIZE])
{
	*reason = '\0';
	return service_ready(rig->service, reason);
}

static void restart(struct rig *rig)
{
	char reason[SERVICE_REASON_SIZE];

	rig_stop(rig);
	rig_start(rig, 1000);
	assert_true(is_ready(rig, reason));
}

/* Creates a limit of so many a minute on `name` and the number; as admin_limit_create(). */
static int create(struct rig *rig, const char *name, unsigned int number, unsigned int limit)
{
	struct admin_result result;
	char body[128];
	int r;

	snprintf(body, sizeof(body), "{\"key\":\"%s%u\",\"limit\":%u,\"interval\":\"1m\"}", name,
		 number, limit);
	r = rig_create(rig, body, &result);
	if (!r)
		limit_done(&result.limit);
	return r;
}

static unsigned int count_allowed(struct rig *rig, const char *name, unsigned int number)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%u", name, number);
	return rig_count_allowed(rig, key, 9);
}

/* What was in force before stays so, whole; what was stored is taken over by a restart. */
static void expect_stalled(struct rig *rig, unsigned int round)
{
	char reason[SERVICE_REASON_SIZE];

	assert_false(is_ready(rig, reason));
	assert_non_null(strstr(reason, "restart"));
	assert_int_equal(rig_count_allowed(rig, "old", 9), round ? 0 : 2);
	assert_int_equal(count_allowed(rig, "new", round), 9);
	/* Memory that is there again does not help: later changes would stand on a hole. */
	assert_int_equal(create(rig, "later", round, 3), ADMIN_E_UNKNOWN);
	assert_int_equal(count_allowed(rig, "later", round), 9);
	assert_false(is_ready(rig, reason));
	restart(rig);
	assert_int_equal(rig_count_allowed(rig, "old", 9), 2);
	assert_int_equal(count_allowed(rig, "new", round), 4);
	assert_int_equal(count_allowed(rig, "later", round), 3);
}

static void change_that_finds_no_memory_makes_the_service_ask_for_a_restart(void **state)
{
	char reason[SERVICE_REASON_SIZE], id[ID_SIZE];
	struct rig *rig = *state;
	unsigned int round = 0;
	int r;

	rig_add(rig, RIG_LIMIT("old", 2, "1m"), id);
	/* Each request for memory fails in turn, until the change needs no more. */
	for (;; round++) {
		failing_memory_after(round);
		r = create(rig, "new", round, 4);
		failing_memory_after(-1);
		if (!r)
			break;
		assert_int_equal(r, ADMIN_E_UNKNOWN);
		assert_true(rig->error.message[0]);
		expect_stalled(rig, round);
	}
	assert_true(round >= 4);
	assert_true(is_ready(rig, reason));
	assert_int_equal(count_allowed(rig, "new", round), 4);
}

static void check_that_finds_no_memory_consumes_nothing_and_known_keys_go_on(void **state)
{
	char id[ID_SIZE], reason[SERVICE_REASON_SIZE];
	struct rig *rig = *state;
	struct check_answer answer;

	rig_add(rig, RIG_LIMIT("*", 2, "1m"), id);
	assert_true(rig_allows(rig, "known", 1));
	failing_memory_after(0);
	for (unsigned int i = 0; i < 200; i++) {
		char key[32];
		int r;

		snprintf(key, sizeof(key), "stranger%u", i);
		r = rig_ask(rig, key, 1, false, &answer);
		assert_true(r == -ENOMEM || r == 0);
		if (r == -ENOMEM)
			break;
		assert_true(i < 199);
	}
	assert_true(rig_allows(rig, "known", 1));
	assert_false(rig_allows(rig, "known", 1));
	/* It passes by itself: no reason to restart. */
	assert_true(is_ready(rig, reason));
	failing_memory_after(-1);
	assert_int_equal(rig_count_allowed(rig, "another", 9), 2);
}

static void start_that_finds_no_memory_fails_whole(void **state)
{
	struct rig *rig = *state;
	struct service_config config = {
		.store = rig->store, .clock = &rig->clock, .tenant_keys_max = 10};
	struct service *service;
	char id[ID_SIZE];
	unsigned int round = 0;
	int64_t held;
	int r;

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	rig_stop(rig);
	held = failing_memory_held();
	for (;; round++) {
		failing_memory_after(round);
		r = service_new(&config, &rig->error, &service);
		failing_memory_after(-1);
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(failing_memory_held(), held);
	}
	assert_true(round >= 5);
	service_free(service);
	assert_int_equal(failing_memory_held(), held);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(change_that_finds_no_memory_makes_the_service_ask_for_a_restart),
		ON_RIG(check_that_finds_no_memory_consumes_nothing_and_known_keys_go_on),
		ON_RIG(start_that_finds_no_memory_fails_whole),
	};

	return cmocka_run_group_tests_name("service/memory_lack", tests, rig_random, NULL);
}
