/* Changes of limits: created once, changed with what was consumed kept, deleted, reset. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "unit/service/rig.h"

static void create_valid_is_in_force_and_listed(void **state)
{
	struct rig *rig = *state;
	_cleanup_catalog_ struct catalog *catalog = NULL;
	struct admin_result result;
	const struct limit *found;

	assert_int_equal(rig_create(rig, RIG_LIMIT("user123", 3, "1m"), &result), 0);
	assert_int_equal(strncmp(result.limit.id, "lim_", 4), 0);
	assert_true(result.limit.revision > 0);
	assert_int_equal(result.limit.created_at_ms, clock_utc_ms(&rig->clock));
	assert_int_equal(result.limit.updated_at_ms, result.limit.created_at_ms);
	assert_string_equal(result.limit.origin, "api");
	assert_int_equal(rig_count_allowed(rig, "user123", 5), 3);

	catalog = service_catalog_get(rig->service);
	assert_int_equal(catalog->n_limits, 1);
	assert_int_equal(catalog->revision, result.limit.revision);
	found = catalog_find(catalog, 0, result.limit.id);
	assert_non_null(found);
	assert_int_equal(found->revision, result.limit.revision);
	assert_int_equal(found->created_at_ms, result.limit.created_at_ms);
	limit_done(&result.limit);
}

static void create_invalid_is_refused_naming_field(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	static const struct {
		const char *body;
		const char *field;
	} rows[] = {
		{"{\"key\":\"k\",\"limit\":0,\"interval\":\"1m\"}", "limit"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"366d\"}", "interval"},
		{"{\"key\":\"k\",\"limit\":1}", "interval"},
		{"{\"key\":\"a*b*c*d*e*\",\"limit\":1,\"interval\":\"1m\"}", "key"},
		/* More than a word counts. */
		{"{\"key\":\"k\",\"limit\":9000000000000000000,\"interval\":\"1ms\"}", "limit"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].body);
		assert_int_equal(rig_create(rig, rows[i].body, &result), ADMIN_E_INVALID);
		assert_string_equal(rig->error.field, rows[i].field);
	}
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

static void create_same_subject_answers_existing_id(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("user123", 3, "1m"), id);
	assert_int_equal(rig_create(rig, RIG_LIMIT("user123", 9, "60s"), &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, id);
	assert_int_equal(rig_count_allowed(rig, "user123", 9), 3);
	/* Another interval, algorithm or key is another subject. */
	rig_add(rig, RIG_LIMIT("user123", 9, "2m"), id);
	rig_add(rig, RIG_LIMIT("user124", 9, "1m"), id);
	rig_add(rig,
		"{\"key\":\"user123\",\"limit\":3,\"interval\":\"1m\","
		"\"algorithm\":\"fixed_window\"}",
		id);
	assert_int_equal(rig_count_records(rig, "tenants/default/limits/"), 4);
	assert_int_equal(rig_count_records(rig, "tenants/default/limit_subjects/"), 4);
}

static void create_after_delete_succeeds_anew(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE], again[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 3, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
	assert_int_equal(rig_delete(rig, id, 0), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 5);
	rig_add(rig, RIG_LIMIT("k", 3, "1m"), again);
	assert_string_not_equal(id, again);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
}

static void update_numbers_takes_effect_and_keeps_consumption(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 10, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "k", 6), 6);
	assert_int_equal(clock_advance_ms(&rig->clock, 1), 0);
	assert_int_equal(rig_update(rig, id, "{\"limit\":8}", 0, &result), 0);
	assert_int_equal(result.limit.limit, 8);
	assert_int_equal(result.limit.burst, 8);
	assert_int_equal(result.limit.updated_at_ms, result.limit.created_at_ms + 1);
	limit_done(&result.limit);
	assert_int_equal(rig_ask(rig, "k", 1, true, &answer), 0);
	assert_int_equal(answer.tightest.limit, 8);
	assert_int_equal(rig_count_allowed(rig, "k", 10), 2);
	assert_int_equal(rig_update(rig, id, "{\"limit\":20}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_allowed(rig, "k", 20), 12);
	assert_int_equal(rig_update(rig, id, "{\"limit\":4}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_allowed(rig, "k", 10), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 2);
}

static void update_invalid_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	assert_int_equal(rig_update(rig, id, "{\"limit\":-1}", 0, &result), ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "limit");
	assert_int_equal(rig_update(rig, id, "{\"key\":\"other\"}", 0, &result), ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "key");
	assert_int_equal(rig_update(rig, id, "{\"limit\":9000000000000000000}", 0, &result),
			 ADMIN_E_INVALID);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 2);
}

static void update_of_interval_moves_its_subject(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE], other[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	assert_int_equal(rig_update(rig, id, "{\"interval\":\"2m\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_records(rig, "tenants/default/limit_subjects/"), 1);
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "2m"), &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, id);
	rig_add(rig, RIG_LIMIT("k", 2, "1m"), other);
	/* Back is taken now. */
	assert_int_equal(rig_update(rig, id, "{\"interval\":\"1m\"}", 0, &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, other);
	assert_int_equal(rig_delete(rig, other, 0), 0);
	assert_int_equal(rig_update(rig, id, "{\"interval\":\"1m\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_delete(rig, id, 0), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

static void update_with_stale_revision_is_refused(void **state)
{
	struct rig *rig = *state;
	struct admin_result first, second;

	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &first), 0);
	assert_int_equal(
		rig_update(rig, first.limit.id, "{\"limit\":3}", first.limit.revision, &second), 0);
	assert_true(second.limit.revision > first.limit.revision);
	limit_done(&second.limit);
	assert_int_equal(rig_update(rig, first.limit.id, "{\"limit\":4}", first.limit.revision,
				    &second),
			 ADMIN_E_REVISION);
	assert_int_equal(rig_delete(rig, first.limit.id, first.limit.revision), ADMIN_E_REVISION);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	limit_done(&first.limit);
}

static void delete_with_right_revision_happens_once(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;

	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &result), 0);
	assert_int_equal(rig_delete(rig, result.limit.id, result.limit.revision), 0);
	assert_int_equal(rig_delete(rig, result.limit.id, result.limit.revision),
			 ADMIN_E_NOT_FOUND);
	limit_done(&result.limit);
}

static void change_of_unknown_id_is_not_found(void **state)
{
	static const char *const ids[] = {
		"lim_00000000000000000000",
		"",
		"lim_",
		"../users/x",
		"a/b",
		"lim_a_name_that_is_much_too_long_to_be_an_id_of_any_limit_there_ever_was_or_will",
	};
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(rig_update(rig, ids[i], "{}", 0, &result), ADMIN_E_NOT_FOUND);
		assert_int_equal(rig_delete(rig, ids[i], 0), ADMIN_E_NOT_FOUND);
		assert_int_equal(admin_limit_reset(rig->service, &rig->actor, ids[i], NULL, 0,
						   &rig->error),
				 ADMIN_E_NOT_FOUND);
	}
	assert_int_equal(rig_count_allowed(rig, "k", 5), 2);
}

static void change_by_other_tenant_is_not_found(void **state)
{
	struct rig *rig = *state;
	struct rig other;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	rig_settle(rig, rig_write(rig, "tenants/other", "{\"schema\":1,\"number\":7}"));
	other = *rig;
	strcpy(other.who.tenant, "other");
	other.who.tenant_number = 7;
	other.actor.who = &other.who;
	assert_int_equal(rig_update(&other, id, "{\"limit\":9}", 0, &result), ADMIN_E_NOT_FOUND);
	assert_int_equal(rig_delete(&other, id, 0), ADMIN_E_NOT_FOUND);
	assert_int_equal(admin_limit_reset(rig->service, &other.actor, id, NULL, 0, &other.error),
			 ADMIN_E_NOT_FOUND);
	/* The same subject under another tenant is another limit. */
	assert_int_equal(rig_create(&other, RIG_LIMIT("k", 4, "1m"), &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_allowed(&other, "k", 9), 4);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 2);
}

static void reset_of_one_key_leaves_others(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("user*", 2, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "user1", 5), 2);
	assert_int_equal(rig_count_allowed(rig, "user2", 5), 2);
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, id, "user1", 5, &rig->error),
			 0);
	assert_int_equal(rig_count_allowed(rig, "user1", 5), 2);
	assert_int_equal(rig_count_allowed(rig, "user2", 5), 0);
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, id, NULL, 0, &rig->error), 0);
	assert_int_equal(rig_count_allowed(rig, "user1", 5), 2);
	assert_int_equal(rig_count_allowed(rig, "user2", 5), 2);
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, id, "", 0, &rig->error),
			 ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "key");
}

static void mode_off_and_back_keeps_consumption(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "k", 3), 3);
	assert_int_equal(rig_update(rig, id, "{\"mode\":\"off\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_allowed(rig, "k", 50), 50);
	assert_int_equal(rig_update(rig, id, "{\"mode\":\"enforce\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_count_allowed(rig, "k", 50), 2);
}

static void stats_count_what_was_decided(void **state)
{
	struct rig *rig = *state;
	const struct limit unknown = {.id = "lim_none"};
	struct limit_stats stats;
	struct admin_result result;

	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 3, "1m"), &result), 0);
	rig_count_allowed(rig, "k", 5);
	assert_int_equal(service_limit_stats(rig->service, &result.limit, &stats), 0);
	assert_int_equal(stats.allowed, 3);
	assert_int_equal(stats.denied, 2);
	assert_int_not_equal(service_limit_stats(rig->service, &unknown, &stats), 0);
	limit_done(&result.limit);
}

static void catalog_held_is_not_changed(void **state)
{
	struct rig *rig = *state;
	_cleanup_catalog_ struct catalog *before = NULL;
	_cleanup_catalog_ struct catalog *after = NULL;
	struct admin_result result;
	char id[ID_SIZE], second[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 3, "1m"), id);
	before = service_catalog_get(rig->service);
	assert_int_equal(rig_update(rig, id, "{\"limit\":4}", 0, &result), 0);
	limit_done(&result.limit);
	rig_add(rig, RIG_LIMIT("l", 3, "1m"), second);
	after = service_catalog_get(rig->service);
	assert_int_equal(catalog_find(before, 0, id)->limit, 3);
	assert_int_equal(catalog_count(before, 0), 1);
	assert_null(catalog_find(before, 0, second));
	assert_int_equal(catalog_find(after, 0, id)->limit, 4);
	assert_int_equal(catalog_count(after, 0), 2);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_valid_is_in_force_and_listed),
		ON_RIG(create_invalid_is_refused_naming_field),
		ON_RIG(create_same_subject_answers_existing_id),
		ON_RIG(create_after_delete_succeeds_anew),
		ON_RIG(update_numbers_takes_effect_and_keeps_consumption),
		ON_RIG(update_invalid_changes_nothing),
		ON_RIG(update_of_interval_moves_its_subject),
		ON_RIG(update_with_stale_revision_is_refused),
		ON_RIG(delete_with_right_revision_happens_once),
		ON_RIG(change_of_unknown_id_is_not_found),
		ON_RIG(change_by_other_tenant_is_not_found),
		ON_RIG(reset_of_one_key_leaves_others),
		ON_RIG(mode_off_and_back_keeps_consumption),
		ON_RIG(stats_count_what_was_decided),
		ON_RIG(catalog_held_is_not_changed),
	};

	return cmocka_run_group_tests_name("service/admin", tests, rig_random, NULL);
}
