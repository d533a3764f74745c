/* Limits to be confirmed: kept once they are, taken back by the service's clock otherwise. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

#define PROVISIONAL \
	"{\"scope\":\"packet\",\"per\":\"src\",\"limit\":9,\"interval\":\"1s\",\"confirm\":\"60s\"}"
#define PROVISIONAL_KEY "{\"key\":\"k\",\"limit\":3,\"interval\":\"1m\",\"confirm\":\"60s\"}"

#define NS_PER_MS 1000000ULL

enum { CONFIRM_MS = 60000 };

static void advance(struct rig *rig, uint64_t ms)
{
	assert_int_equal(clock_advance_ms(&rig->clock, ms), 0);
}

static size_t count_limits(struct rig *rig)
{
	return rig_count_records(rig, "tenants/default/limits/");
}

/* The keeper looks some times a second, whatever the service's clock does. */
static void wait_until_gone(struct rig *rig)
{
	const struct timespec tick = {.tv_nsec = 10000000};

	for (int i = 0; i < 1000 && rig_count_records(rig, "tenants/default/") > 0; i++)
		nanosleep(&tick, NULL);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

/* Two of its steps at least. */
static void let_keeper_look(void)
{
	const struct timespec while_it_looks = {.tv_nsec = 400000000};

	nanosleep(&while_it_looks, NULL);
}

static void unconfirmed_packets_let_go_and_are_deleted(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;

	assert_int_equal(rig_create(rig, PROVISIONAL, &result), 0);
	assert_int_equal(result.limit.confirm_by_ms, clock_utc_ms(&rig->clock) + CONFIRM_MS);
	/* The NIC goes by the same deadline, also when nobody lives to delete the limit. */
	assert_in_range(rig_rule(rig, result.limit.id)->until_ns,
			clock_now_ns(&rig->clock) + (CONFIRM_MS - 1) * NS_PER_MS,
			clock_now_ns(&rig->clock) + CONFIRM_MS * NS_PER_MS);
	advance(rig, CONFIRM_MS - 1);
	let_keeper_look();
	assert_int_equal(count_limits(rig), 1);
	advance(rig, 1);
	wait_until_gone(rig);
	limit_done(&result.limit);
}

static void unconfirmed_requests_are_deleted(void **state)
{
	struct service_taken_back taken;
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, PROVISIONAL_KEY, id);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	service_taken_back(rig->service, &taken);
	assert_true(taken.count == 0);
	advance(rig, CONFIRM_MS);
	wait_until_gone(rig);
	/* It is said after it is done. */
	for (int i = 0; i < 1000 && taken.count == 0; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		service_taken_back(rig->service, &taken);
	}
	assert_true(taken.count == 1);
	assert_string_equal(taken.last_id, id);
}

/* Set back between two starts: the limit that cut its maker off would hold an hour longer. */
static void clock_set_back_takes_unconfirmed_back_at_once(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, PROVISIONAL, id);
	rig_stop(rig);
	rig->clock.utc_offset_ns -= 60 * CONFIRM_MS * NS_PER_MS;
	rig_start(rig, 10);
	wait_until_gone(rig);
}

static void clock_set_back_a_little_leaves_time_to_confirm(void **state)
{
	struct rig *rig = *state;
	struct admin_result kept;
	char id[ID_SIZE];

	rig_add(rig, PROVISIONAL, id);
	rig_stop(rig);
	rig->clock.utc_offset_ns -= CONFIRM_MS * NS_PER_MS;
	rig_start(rig, 10);
	assert_true(rig_rule(rig, id)->until_ns > clock_now_ns(&rig->clock));
	assert_int_equal(rig_confirm(rig, id, &kept), 0);
	limit_done(&kept.limit);
}

static void many_unconfirmed_are_all_deleted(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE], body[128];

	for (int i = 0; i < 20; i++) {
		snprintf(body, sizeof(body),
			 "{\"key\":\"k%d\",\"limit\":3,\"interval\":\"1m\",\"confirm\":\"%ds\"}", i,
			 20 - i);
		rig_add(rig, body, id);
	}
	advance(rig, 10000);
	for (int i = 0; i < 1000 && count_limits(rig) > 10; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	let_keeper_look();
	assert_int_equal(count_limits(rig), 10);
	advance(rig, 10000);
	wait_until_gone(rig);
}

static void confirmed_stays_for_good(void **state)
{
	struct rig *rig = *state;
	struct admin_result made, kept;
	char other[ID_SIZE];

	assert_int_equal(rig_create(rig, PROVISIONAL, &made), 0);
	rig_add(rig, PROVISIONAL_KEY, other);
	advance(rig, CONFIRM_MS - 1);
	assert_int_equal(rig_confirm(rig, made.limit.id, &kept), 0);
	assert_int_equal(kept.limit.confirm_by_ms, 0);
	assert_true(kept.limit.revision > made.limit.revision);
	assert_int_equal(kept.limit.updated_at_ms, clock_utc_ms(&rig->clock));
	limit_done(&kept.limit);
	assert_int_equal(rig_rule(rig, made.limit.id)->until_ns, 0);
	assert_int_equal(rig_confirm(rig, other, &kept), 0);
	limit_done(&kept.limit);
	advance(rig, 10 * CONFIRM_MS);
	let_keeper_look();
	assert_int_equal(count_limits(rig), 2);
	assert_non_null(rig_rule(rig, made.limit.id));
	limit_done(&made.limit);
}

static void confirm_of_what_is_in_force_for_good_is_refused(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	assert_int_equal(rig_confirm(rig, id, &result), ADMIN_E_CONFIRMED);
	assert_true(rig->error.message[0]);
	assert_int_equal(rig_confirm(rig, "lim_none", &result), ADMIN_E_NOT_FOUND);
}

static void confirm_too_late_is_not_found(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, PROVISIONAL, id);
	advance(rig, CONFIRM_MS);
	/* Whether or not the keeper was faster. */
	assert_int_equal(rig_confirm(rig, id, &result), ADMIN_E_NOT_FOUND);
	wait_until_gone(rig);
	assert_int_equal(rig_confirm(rig, id, &result), ADMIN_E_NOT_FOUND);
}

static void change_of_unconfirmed_keeps_its_deadline(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];
	uint64_t by_ms = clock_utc_ms(&rig->clock) + CONFIRM_MS;

	rig_add(rig, PROVISIONAL, id);
	advance(rig, CONFIRM_MS / 2);
	assert_int_equal(rig_update(rig, id, "{\"limit\":20}", 0, &result), 0);
	assert_int_equal(result.limit.confirm_by_ms, by_ms);
	assert_int_not_equal(rig_rule(rig, id)->until_ns, 0);
	limit_done(&result.limit);
	advance(rig, CONFIRM_MS / 2);
	wait_until_gone(rig);
}

static void due_while_stopped_is_deleted_after_start(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, PROVISIONAL, id);
	rig_stop(rig);
	advance(rig, CONFIRM_MS);
	rig_open_packets(rig);
	assert_non_null(rig_rule(rig, id));
	rig_start(rig, 10);
	wait_until_gone(rig);
}

/* The deadline passes, and the limit with it, between a confirmation's look and its write. */
static void expire(void *data)
{
	struct rig *rig = data;

	advance(rig, CONFIRM_MS);
	wait_until_gone(rig);
}

static void confirm_overtaken_by_deadline_is_not_found(void **state)
{
	struct rig *rig;
	struct fault_store *fault;
	struct admin_result result;
	struct store *inner;
	char id[ID_SIZE];

	assert_int_equal(store_open_memory(&inner), 0);
	fault = fault_store_new(inner);
	rig = rig_new(&fault->store, 100);
	rig_add(rig, PROVISIONAL_KEY, id);
	fault->before = expire;
	fault->data = rig;
	assert_int_equal(rig_confirm(rig, id, &result), ADMIN_E_NOT_FOUND);
	rig_free(rig);
}

/* A deletion of the version that was unconfirmed, as the keeper's, after the confirmation. */
static void confirm_before_deadline_overtakes_deletion(void **state)
{
	struct rig *rig = *state;
	struct admin_result made, kept;

	assert_int_equal(rig_create(rig, PROVISIONAL, &made), 0);
	assert_int_equal(rig_confirm(rig, made.limit.id, &kept), 0);
	assert_int_equal(rig_delete(rig, made.limit.id, made.limit.revision), ADMIN_E_REVISION);
	assert_non_null(rig_rule(rig, made.limit.id));
	limit_done(&kept.limit);
	limit_done(&made.limit);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(unconfirmed_packets_let_go_and_are_deleted),
		ON_RIG(unconfirmed_requests_are_deleted),
		ON_RIG(clock_set_back_takes_unconfirmed_back_at_once),
		ON_RIG(clock_set_back_a_little_leaves_time_to_confirm),
		ON_RIG(many_unconfirmed_are_all_deleted),
		ON_RIG(confirmed_stays_for_good),
		ON_RIG(confirm_of_what_is_in_force_for_good_is_refused),
		ON_RIG(confirm_too_late_is_not_found),
		ON_RIG(change_of_unconfirmed_keeps_its_deadline),
		ON_RIG(due_while_stopped_is_deleted_after_start),
		cmocka_unit_test(confirm_overtaken_by_deadline_is_not_found),
		ON_RIG(confirm_before_deadline_overtakes_deletion),
	};

	return cmocka_run_group_tests_name("service/confirm", tests, rig_random, NULL);
}
