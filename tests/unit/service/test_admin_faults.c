/* Changes while the store fails or another host writes in between. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

static int setup(void **state)
{
	struct store *inner;

	assert_int_equal(store_open_memory(&inner), 0);
	*state = rig_new(&fault_store_new(inner)->store, 1000);
	return 0;
}

static struct fault_store *fault_of(struct rig *rig)
{
	return (struct fault_store *)rig->store;
}

static void change_while_store_is_read_only_says_so(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	fault_of(rig)->outcome = STORE_E_READ_ONLY;
	assert_int_equal(rig_create(rig, RIG_LIMIT("l", 2, "1m"), &result), ADMIN_E_STORE);
	assert_true(rig->error.message[0]);
	assert_int_equal(rig_update(rig, id, "{\"limit\":9}", 0, &result), ADMIN_E_STORE);
	assert_int_equal(rig_delete(rig, id, 0), ADMIN_E_STORE);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 2);
}

static void change_without_answer_is_unknown_and_taken_over(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;

	fault_of(rig)->outcome = STORE_E_UNKNOWN;
	fault_of(rig)->writes_anyway = true;
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &result), ADMIN_E_UNKNOWN);
	fault_of(rig)->outcome = 0;
	/* Repeating it tells what happened. */
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &result), ADMIN_E_EXISTS);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 2);
}

static void change_not_in_force_in_time_is_unknown(void **state)
{
	struct rig *rig = *state;
	struct service_config config = {
		.store = rig->store,
		.clock = &rig->clock,
		.tenant_keys_max = 10,
		.apply_wait_ms = 20,
	};
	struct admin_result result;

	rig_stop(rig);
	assert_int_equal(service_new(&config, &rig->error, &rig->service), 0);
	__atomic_store_n(&fault_of(rig)->mute, true, __ATOMIC_SEQ_CST);
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &result), ADMIN_E_UNKNOWN);
	assert_true(rig->error.message[0]);
}

/* What the other host does to limit `id` amid a call. */
struct meanwhile {
	struct rig *rig;
	char id[ID_SIZE];
	const char *body; /* NULL: deletes it */
};

static void interfere(void *data)
{
	struct meanwhile *meanwhile = data;
	struct admin_result result;

	if (!meanwhile->body) {
		assert_int_equal(rig_delete(meanwhile->rig, meanwhile->id, 0), 0);
		return;
	}
	assert_int_equal(rig_update(meanwhile->rig, meanwhile->id, meanwhile->body, 0, &result), 0);
	limit_done(&result.limit);
}

static void interfere_next(struct rig *rig, struct meanwhile *meanwhile)
{
	fault_of(rig)->before = interfere;
	fault_of(rig)->data = meanwhile;
}

static void update_amid_other_update_applies_to_both(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.rig = rig, .body = "{\"name\":\"theirs\"}"};
	struct admin_result result;

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), meanwhile.id);
	interfere_next(rig, &meanwhile);
	assert_int_equal(rig_update(rig, meanwhile.id, "{\"limit\":5}", 0, &result), 0);
	assert_int_equal(result.limit.limit, 5);
	assert_string_equal(result.limit.name, "theirs");
	limit_done(&result.limit);
}

static void update_amid_other_update_fails_expectation(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.rig = rig, .body = "{\"limit\":7}"};
	struct admin_result result;
	uint64_t revision;

	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "1m"), &result), 0);
	revision = result.limit.revision;
	memcpy(meanwhile.id, result.limit.id, ID_SIZE);
	limit_done(&result.limit);
	interfere_next(rig, &meanwhile);
	assert_int_equal(rig_update(rig, meanwhile.id, "{\"limit\":5}", revision, &result),
			 ADMIN_E_REVISION);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 7);
}

static void update_amid_delete_is_not_found(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.rig = rig};
	struct admin_result result;

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), meanwhile.id);
	interfere_next(rig, &meanwhile);
	assert_int_equal(rig_update(rig, meanwhile.id, "{\"limit\":5}", 0, &result),
			 ADMIN_E_NOT_FOUND);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

static void delete_amid_update_still_deletes_all(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.rig = rig, .body = "{\"interval\":\"2m\"}"};

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), meanwhile.id);
	interfere_next(rig, &meanwhile);
	assert_int_equal(rig_delete(rig, meanwhile.id, 0), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

static void create_equal_amid_update_into_subject(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.rig = rig, .body = "{\"interval\":\"2m\"}"};
	struct admin_result result;

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), meanwhile.id);
	interfere_next(rig, &meanwhile);
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 2, "2m"), &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, meanwhile.id);
}

static void change_that_never_settles_gives_up(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	fault_of(rig)->outcome = STORE_E_CONFLICT;
	assert_int_equal(rig_update(rig, id, "{\"limit\":5}", 0, &result), ADMIN_E_STORE);
	assert_int_equal(rig_delete(rig, id, 0), ADMIN_E_STORE);
}

/* Other hands removed the limit's record only: its claim must not block the subject for ever. */
static void create_over_orphaned_claim_takes_it_over(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE], again[ID_SIZE], name[128];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	snprintf(name, sizeof(name), "tenants/default/limits/%s", id);
	rig_settle(rig, rig_remove(rig, name));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 9);
	rig_add(rig, RIG_LIMIT("k", 3, "1m"), again);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 2);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(change_while_store_is_read_only_says_so),
		ON_RIG(change_without_answer_is_unknown_and_taken_over),
		ON_RIG(change_not_in_force_in_time_is_unknown),
		ON_RIG(update_amid_other_update_applies_to_both),
		ON_RIG(update_amid_other_update_fails_expectation),
		ON_RIG(update_amid_delete_is_not_found),
		ON_RIG(delete_amid_update_still_deletes_all),
		ON_RIG(create_equal_amid_update_into_subject),
		ON_RIG(change_that_never_settles_gives_up),
		ON_RIG(create_over_orphaned_claim_takes_it_over),
	};

	return cmocka_run_group_tests_name("service/admin_faults", tests, rig_random, NULL);
}
