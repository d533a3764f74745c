/* Sets of limits replace each other while the API makes and deletes limits of the same subjects. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "unit/service/rig.h"

enum { KEYS = 8, ROUNDS = 60 };

struct race {
	struct rig *rig;
	atomic_bool over;
	atomic_uint made;
};

static void parse_limit(int key, int number, struct limit *ret)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;
	char body[96];

	snprintf(body, sizeof(body), "{\"key\":\"k%d\",\"limit\":%d,\"interval\":\"1m\"}", key,
		 number);
	assert_int_equal(json_parse(body, strlen(body), &error, &document), 0);
	limit_init(ret);
	assert_int_equal(limit_parse(json_root(document), &error, ret), 0);
}

/* Makes and at once deletes limits that the files want, too. */
static void *use_api(void *data)
{
	struct race *race = data;
	struct service *service = race->rig->service;

	for (int i = 0; !atomic_load(&race->over); i++) {
		_cleanup_json_ struct json_document *document = NULL;
		struct admin_result made = {.existing_id = ""};
		struct field_error error;
		char body[96];
		int r;

		snprintf(body, sizeof(body), "{\"key\":\"k%d\",\"limit\":5,\"interval\":\"1m\"}",
			 i % KEYS);
		json_parse(body, strlen(body), &error, &document);
		r = admin_limit_create(service, &race->rig->actor, json_root(document), &error,
				       &made);
		if (r)
			continue;
		atomic_fetch_add(&race->made, 1);
		admin_limit_delete(service, &race->rig->actor,
				   &(struct admin_target){.id = made.limit.id}, &error);
		limit_done(&made.limit);
	}
	return NULL;
}

/* Every second key, then the others: 0 or refused for a limit of the API, never in part. */
static void apply_half(struct rig *rig, int round)
{
	struct limit limits[KEYS / 2];
	struct admin_files_result result;
	struct field_error error;
	int r;

	for (int i = 0; i < KEYS / 2; i++)
		parse_limit(2 * i + round % 2, round + 1, &limits[i]);
	r = admin_files_apply(rig->service, limits, KEYS / 2, &error, &result);
	assert_true(r == 0 || r == ADMIN_E_EXISTS || r == ADMIN_E_STORE);
	for (int i = 0; i < KEYS / 2; i++)
		limit_done(&limits[i]);
}

static void files_and_api_never_count_one_subject_twice(void **state)
{
	struct race race = {.rig = *state};
	pthread_t api;

	pthread_create(&api, NULL, use_api, &race);
	for (int round = 0; round < ROUNDS; round++)
		apply_half(race.rig, round);
	atomic_store(&race.over, true);
	pthread_join(api, NULL);
	/* Alone, a set is taken. */
	apply_half(race.rig, 0);
	assert_int_equal(rig_count_records(race.rig, "tenants/default/limits/"), KEYS / 2);
	assert_int_equal(rig_count_records(race.rig, "tenants/default/limit_subjects/"), KEYS / 2);
	assert_int_equal(rig_count_allowed(race.rig, "k0", 5), 1);
	assert_int_equal(rig_count_allowed(race.rig, "k1", 5), 5);
	assert_true(atomic_load(&race.made) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_and_api_never_count_one_subject_twice,
						rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests_name("service/files_threads", tests, rig_random, NULL);
}
