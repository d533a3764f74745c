/* Limits that stand in files: one set replaces another, buckets go on, the API only reads. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/service/rig.h"

enum { SET_MAX = 128 };

static struct admin_files_result result;

/* Applies limits given as JSON, up to a NULL. */
static int apply(struct rig *rig, const char *const *bodies)
{
	struct limit limits[SET_MAX] = {0};
	size_t n;
	int r;

	for (n = 0; bodies[n]; n++) {
		_cleanup_json_ struct json_document *document = NULL;

		limit_init(&limits[n]);
		assert_int_equal(json_parse(bodies[n], strlen(bodies[n]), &rig->error, &document),
				 0);
		assert_int_equal(limit_parse(json_root(document), &rig->error, &limits[n]), 0);
	}
	r = admin_files_apply(rig->service, limits, n, &rig->error, &result);
	while (n > 0)
		limit_done(&limits[--n]);
	return r;
}

#define APPLY(rig, ...) apply(rig, (const char *const[]){__VA_ARGS__, NULL})
#define NONE(rig)       apply(rig, (const char *const[]){NULL})

#define NAMED(name, key, limit, interval)                                                          \
	"{\"name\":\"" name "\",\"key\":\"" key "\",\"limit\":" #limit ",\"interval\":\"" interval \
	"\"}"

static void assert_result(size_t made, size_t changed, size_t removed)
{
	assert_int_equal(result.made, made);
	assert_int_equal(result.changed, changed);
	assert_int_equal(result.removed, removed);
}

/* Every limit has its claim, and there is no other. */
static void assert_records(struct rig *rig, size_t n)
{
	assert_int_equal(rig_count_records(rig, "tenants/default/limits/"), n);
	assert_int_equal(rig_count_records(rig, "tenants/default/limit_subjects/"), n);
}

/* The first limit of a key, borrowed from a catalog that the test keeps. */
static const struct limit *find_key(struct catalog *catalog, const char *key)
{
	const struct limit *limits[SET_MAX];
	size_t n = catalog_page(catalog, 0, NULL, limits, SET_MAX);

	for (size_t i = 0; i < n; i++)
		if (limits[i]->key && strcmp(limits[i]->key, key) == 0)
			return limits[i];
	return NULL;
}

static void find_id(struct rig *rig, const char *key, char id[ID_SIZE])
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(rig->service);
	const struct limit *limit = find_key(catalog, key);

	assert_non_null(limit);
	assert_string_equal(limit->origin, "file");
	memcpy(id, limit->id, ID_SIZE);
}

static void set_is_in_force_and_its_origin_is_file(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 2, "1m"), RIG_LIMIT("b", 3, "1m")), 0);
	assert_result(2, 0, 0);
	assert_records(rig, 2);
	find_id(rig, "a", id);
	assert_int_equal(strncmp(id, "lim_", 4), 0);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 2);
	assert_int_equal(rig_count_allowed(rig, "b", 9), 3);
}

static void limit_with_new_numbers_keeps_id_and_what_was_consumed(void **state)
{
	struct rig *rig = *state;
	char before[ID_SIZE], after[ID_SIZE];

	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 5, "1m")), 0);
	find_id(rig, "a", before);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 5);
	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 8, "1m")), 0);
	assert_result(0, 1, 0);
	find_id(rig, "a", after);
	assert_string_equal(after, before);
	assert_true(rig_count_allowed(rig, "a", 9) < 8);
	assert_records(rig, 1);
}

static void limit_with_a_name_keeps_id_over_another_interval(void **state)
{
	struct rig *rig = *state;
	char before[ID_SIZE], after[ID_SIZE];

	assert_int_equal(APPLY(rig, NAMED("n", "a", 5, "1m")), 0);
	find_id(rig, "a", before);
	assert_int_equal(APPLY(rig, NAMED("n", "a", 5, "1h")), 0);
	assert_result(0, 1, 0);
	find_id(rig, "a", after);
	assert_string_equal(after, before);
	assert_records(rig, 1);
	/* Another name, the same subject; then another key under a name: that is a new limit. */
	assert_int_equal(APPLY(rig, NAMED("m", "a", 5, "1h")), 0);
	assert_result(0, 1, 0);
	assert_int_equal(APPLY(rig, NAMED("m", "b", 5, "1h")), 0);
	assert_result(1, 0, 1);
	assert_records(rig, 1);
}

static void set_as_it_was_writes_nothing(void **state)
{
	struct rig *rig = *state;
	struct catalog *before, *after;

	assert_int_equal(APPLY(rig, NAMED("n", "a", 5, "1m"), RIG_LIMIT("b", 3, "1m")), 0);
	before = service_catalog_get(rig->service);
	assert_int_equal(APPLY(rig, RIG_LIMIT("b", 3, "60s"), NAMED("n", "a", 5, "1m")), 0);
	assert_result(0, 0, 0);
	after = service_catalog_get(rig->service);
	assert_int_equal(after->revision, before->revision);
	service_catalog_put(before);
	service_catalog_put(after);
}

static void limit_that_left_the_files_is_gone(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("api", 2, "1m"), id);
	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 1, "1m"), RIG_LIMIT("b", 1, "1m")), 0);
	assert_int_equal(APPLY(rig, RIG_LIMIT("b", 1, "1m")), 0);
	assert_result(0, 0, 1);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 9);
	assert_int_equal(rig_count_allowed(rig, "b", 9), 1);
	assert_int_equal(NONE(rig), 0);
	assert_result(0, 0, 1);
	assert_int_equal(rig_count_allowed(rig, "b", 9), 9);
	assert_int_equal(rig_count_allowed(rig, "api", 9), 2);
	assert_records(rig, 1);
}

static void limits_that_swap_subjects_keep_their_ids(void **state)
{
	struct rig *rig = *state;
	_cleanup_catalog_ struct catalog *catalog = NULL;
	const struct limit *limits[SET_MAX];

	assert_int_equal(APPLY(rig, NAMED("m", "a", 5, "1m"), NAMED("n", "a", 50, "1h")), 0);
	assert_int_equal(APPLY(rig, NAMED("m", "a", 50, "1h"), NAMED("n", "a", 5, "1m")), 0);
	assert_result(0, 2, 0);
	assert_records(rig, 2);
	catalog = service_catalog_get(rig->service);
	assert_int_equal(catalog_page(catalog, 0, NULL, limits, SET_MAX), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(limits[i]->limit, *limits[i]->name == 'm' ? 50 : 5);
	/* And the claims are those of the new owners: neither can be made over the API. */
	assert_int_equal(rig_create(rig, RIG_LIMIT("a", 1, "1m"), &(struct admin_result){0}),
			 ADMIN_E_EXISTS);
	assert_int_equal(rig_create(rig, RIG_LIMIT("a", 1, "1h"), &(struct admin_result){0}),
			 ADMIN_E_EXISTS);
}

static void new_limit_takes_the_subject_of_one_that_moves_away(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(APPLY(rig, NAMED("m", "a", 5, "1m")), 0);
	assert_int_equal(APPLY(rig, NAMED("m", "a", 5, "1h"), RIG_LIMIT("a", 7, "1m")), 0);
	assert_result(1, 1, 0);
	assert_records(rig, 2);
	assert_int_equal(NONE(rig), 0);
	assert_records(rig, 0);
}

static void subject_of_the_api_refuses_the_whole_set(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("api", 2, "1m"), id);
	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 1, "1m")), 0);
	assert_int_equal(APPLY(rig, RIG_LIMIT("b", 1, "1m"), RIG_LIMIT("api", 5, "1m")),
			 ADMIN_E_EXISTS);
	assert_int_equal(result.at, 1);
	assert_non_null(strstr(rig->error.message, id));
	/* Nothing of it is in force, and all of the former set is. */
	assert_int_equal(rig_count_allowed(rig, "b", 9), 9);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 1);
	assert_int_equal(rig_count_allowed(rig, "api", 9), 2);
	assert_records(rig, 2);
}

static void api_changes_no_limit_of_a_file(void **state)
{
	struct rig *rig = *state;
	struct admin_result admin;
	char id[ID_SIZE];

	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 2, "1m")), 0);
	find_id(rig, "a", id);
	assert_int_equal(rig_update(rig, id, "{\"limit\":9}", 0, &admin), ADMIN_E_FILE);
	assert_non_null(strstr(rig->error.message, "file"));
	assert_int_equal(rig_delete(rig, id, 0), ADMIN_E_FILE);
	assert_int_equal(rig_confirm(rig, id, &admin), ADMIN_E_FILE);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 2);
	/* What was consumed is no configuration. */
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, id, NULL, 0, &rig->error), 0);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 2);
}

static void set_is_there_after_a_restart_and_goes_on(void **state)
{
	struct rig *rig = *state;
	char before[ID_SIZE], after[ID_SIZE];

	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 2, "1m")), 0);
	find_id(rig, "a", before);
	rig_stop(rig);
	rig_start(rig, 1000);
	assert_int_equal(APPLY(rig, RIG_LIMIT("a", 3, "1m")), 0);
	assert_result(0, 1, 0);
	find_id(rig, "a", after);
	assert_string_equal(after, before);
}

/* More than one transaction holds. */
static void large_set_is_replaced_by_another(void **state)
{
	static char texts[2][100][96];
	const char *bodies[2][101] = {{NULL}};
	struct rig *rig = *state;

	for (int set = 0; set < 2; set++)
		for (int i = 0; i < 100; i++) {
			snprintf(texts[set][i], sizeof(texts[set][i]),
				 "{\"key\":\"%c%d\",\"limit\":1,\"interval\":\"1m\"}",
				 i % 2 ? 'x' : 'a' + set, i);
			bodies[set][i] = texts[set][i];
		}
	assert_int_equal(apply(rig, bodies[0]), 0);
	assert_result(100, 0, 0);
	assert_int_equal(apply(rig, bodies[1]), 0);
	assert_result(50, 0, 50);
	assert_records(rig, 100);
	assert_int_equal(rig_count_allowed(rig, "b98", 9), 1);
	assert_int_equal(rig_count_allowed(rig, "a98", 9), 9);
	assert_int_equal(rig_count_allowed(rig, "x99", 9), 1);
}

static void packets_of_a_whole_set_are_replaced_where_both_would_not_fit(void **state)
{
	static char texts[2][SLUICE_RULES_MAX + 1][160];
	const char *bodies[2][SLUICE_RULES_MAX + 2] = {{NULL}};
	struct rig *rig = *state;

	for (int set = 0; set < 2; set++)
		for (int i = 0; i <= SLUICE_RULES_MAX; i++) {
			snprintf(texts[set][i], sizeof(texts[set][i]),
				 "{\"scope\":\"packet\",\"match\":{\"dst_port\":%d},\"limit\":9,"
				 "\"interval\":\"1s\"}",
				 1000 * (set + 1) + i);
			bodies[set][i] = texts[set][i];
		}
	/* One too many, and nothing of it is in force. */
	assert_int_equal(apply(rig, bodies[0]), ADMIN_E_TOO_MANY);
	assert_int_equal(result.at, SLUICE_RULES_MAX + 1);
	assert_int_equal(rig_rules(rig), 0);
	bodies[0][SLUICE_RULES_MAX] = bodies[1][SLUICE_RULES_MAX] = NULL;
	assert_int_equal(apply(rig, bodies[0]), 0);
	assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX);
	assert_int_equal(apply(rig, bodies[1]), 0);
	assert_result(SLUICE_RULES_MAX, 0, SLUICE_RULES_MAX);
	assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX);
	assert_int_equal(NONE(rig), 0);
	assert_int_equal(rig_rules(rig), 0);
}

#define WITH_RIG(test)     cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
#define WITH_PACKETS(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(set_is_in_force_and_its_origin_is_file),
		WITH_RIG(limit_with_new_numbers_keeps_id_and_what_was_consumed),
		WITH_RIG(limit_with_a_name_keeps_id_over_another_interval),
		WITH_RIG(set_as_it_was_writes_nothing),
		WITH_RIG(limit_that_left_the_files_is_gone),
		WITH_RIG(limits_that_swap_subjects_keep_their_ids),
		WITH_RIG(new_limit_takes_the_subject_of_one_that_moves_away),
		WITH_RIG(subject_of_the_api_refuses_the_whole_set),
		WITH_RIG(api_changes_no_limit_of_a_file),
		WITH_RIG(set_is_there_after_a_restart_and_goes_on),
		WITH_RIG(large_set_is_replaced_by_another),
		WITH_PACKETS(packets_of_a_whole_set_are_replaced_where_both_would_not_fit),
	};

	return cmocka_run_group_tests_name("service/files", tests, rig_random, NULL);
}
