/* Limits of packets where they are off, have no room, or cannot be put in force. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "datapath/backends.h"
#include "unit/service/fault_packets.h"
#include "unit/service/rig.h"

static const char off_reason[] = "no interface is named";

/* The service anew, without a packet path. */
static void restart_off(struct rig *rig, bool needed)
{
	struct service_config config = {
		.store = rig->store,
		.clock = &rig->clock,
		.tenant_keys_max = 100,
		.packets_needed = needed,
	};

	rig_stop(rig);
	datapath_close(rig->datapath, false);
	assert_int_equal(datapath_open_off(off_reason, &rig->datapath), 0);
	config.datapath = rig->datapath;
	assert_int_equal(service_new(&config, &rig->error, &rig->service), 0);
}

static void off_at_start_serves_lists_and_deletes(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	struct service_packets packets;
	struct admin_result result;
	char id[ID_SIZE], requests[ID_SIZE], name[128];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	rig_add(rig, RIG_LIMIT("k", 3, "1m"), requests);
	restart_off(rig, false);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	service_packets(rig->service, &packets);
	assert_string_equal(packets.off, off_reason);
	assert_int_equal(packets.wanted, 1);
	assert_int_equal(packets.in_force, 0);
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 1);
	snprintf(name, sizeof(name), "tenants/default/limits/%s", id);
	assert_string_equal(refusals.last.field, name);
	assert_non_null(strstr(refusals.last.message, off_reason));
	assert_int_equal(rig_update(rig, id, "{\"limit\":5}", 0, &result), ADMIN_E_OFF);
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, id, NULL, 0, &rig->error),
			 ADMIN_E_OFF);
	assert_int_equal(rig_delete(rig, id, 0), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/limits/"), 1);
}

static void create_while_off_is_refused_with_reason(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;

	restart_off(rig, false);
	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), ADMIN_E_OFF);
	assert_string_equal(rig->error.message, off_reason);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

static void service_without_datapath_refuses_packets(void **state)
{
	struct rig *rig = *state;
	struct sluice_reasons reasons;
	struct service_packets packets;
	struct admin_result result;

	rig_stop(rig);
	datapath_close(rig->datapath, false);
	rig->datapath = NULL;
	rig_start(rig, 10);
	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), ADMIN_E_OFF);
	assert_true(rig->error.message[0]);
	service_packets(rig->service, &packets);
	assert_non_null(packets.off);
	assert_int_equal(packets.n_interfaces, 0);
	assert_int_equal(service_packet_reasons(rig->service, &reasons), 0);
	assert_int_equal(reasons.passed, 0);
}

static void off_makes_unready_only_who_needs_packets(void **state)
{
	struct rig *rig = *state;
	char reason[SERVICE_REASON_SIZE];

	restart_off(rig, false);
	assert_true(service_ready(rig->service, reason));
	restart_off(rig, true);
	assert_false(service_ready(rig->service, reason));
	assert_non_null(strstr(reason, off_reason));
}

static void interface_that_does_not_enforce_makes_unready(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	struct service_packets packets;
	char reason[SERVICE_REASON_SIZE];

	fault->interface = (struct datapath_interface){
		.name = "eth7", .mode = DATAPATH_NONE, .why = "it is not there"};
	fault->n_interfaces = 1;
	assert_false(service_ready(rig->service, reason));
	assert_non_null(strstr(reason, "eth7"));
	assert_non_null(strstr(reason, "it is not there"));
	fault->interface.mode = DATAPATH_GENERIC;
	assert_true(service_ready(rig->service, reason));
	service_packets(rig->service, &packets);
	assert_null(packets.off);
	assert_int_equal(packets.n_interfaces, 1);
	assert_string_equal(packets.interfaces[0].name, "eth7");
}

static uint64_t write_port(struct rig *rig, int i)
{
	char id[ID_SIZE], body[160];

	snprintf(id, sizeof(id), "lim_%03d", i);
	snprintf(body, sizeof(body),
		 "{\"scope\":\"packet\",\"match\":{\"dst_port\":%d},\"limit\":9,"
		 "\"interval\":\"1s\"}",
		 1000 + i);
	return rig_write_limit(rig, id, body);
}

/* Ids run against the order of writing: what counts is which came last. */
static uint64_t write_ports(struct rig *rig, int n)
{
	uint64_t revision = 0;

	for (int i = n - 1; i >= 0; i--)
		revision = write_port(rig, i);
	return revision;
}

static void expect_newest_two_left_out(struct rig *rig)
{
	struct service_refusals refusals;
	struct service_packets packets;

	service_packets(rig->service, &packets);
	assert_int_equal(packets.wanted, SLUICE_RULES_MAX + 2);
	assert_int_equal(packets.in_force, SLUICE_RULES_MAX);
	assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX);
	assert_null(rig_rule(rig, "lim_000"));
	assert_null(rig_rule(rig, "lim_001"));
	assert_non_null(rig_rule(rig, "lim_002"));
	service_refusals(rig->service, &refusals);
	assert_true(refusals.count > 0);
	assert_string_equal(refusals.last.field, "tenants/default/limits/lim_001");
	assert_true(refusals.last.message[0]);
}

static void too_many_by_other_hands_leaves_out_the_newest(void **state)
{
	struct rig *rig = *state;
	struct service_packets packets;
	struct admin_result result;

	rig_settle(rig, write_ports(rig, SLUICE_RULES_MAX + 2));
	expect_newest_two_left_out(rig);
	assert_int_equal(rig_create(rig, RIG_PACKETS(9, 100), &result), ADMIN_E_TOO_MANY);
	/* What is deleted leaves force, and what was left out takes its place. */
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_050"));
	assert_null(rig_rule(rig, "lim_050"));
	assert_non_null(rig_rule(rig, "lim_001"));
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_040"));
	assert_non_null(rig_rule(rig, "lim_000"));
	service_packets(rig->service, &packets);
	assert_int_equal(packets.in_force, packets.wanted);
}

static void too_many_at_start_leaves_out_the_newest(void **state)
{
	struct rig *rig = *state;
	char reason[SERVICE_REASON_SIZE];

	rig_stop(rig);
	write_ports(rig, SLUICE_RULES_MAX + 2);
	rig_start(rig, 10);
	expect_newest_two_left_out(rig);
	assert_true(service_ready(rig->service, reason));
}

static void wait_until_healed(struct rig *rig)
{
	const struct timespec tick = {.tv_nsec = 20000000};
	char reason[SERVICE_REASON_SIZE];

	for (int i = 0; i < 500 && !service_ready(rig->service, reason); i++)
		nanosleep(&tick, NULL);
	assert_true(service_ready(rig->service, reason));
}

static void apply_that_fails_keeps_former_and_is_tried_again(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	char reason[SERVICE_REASON_SIZE];
	struct admin_result result;
	char id[ID_SIZE], requests[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	atomic_store(&fault->publish, -EIO);
	assert_int_equal(rig_create(rig, RIG_PACKETS(54, 100), &result), ADMIN_E_UNKNOWN);
	assert_int_equal(rig_rules(rig), 1);
	assert_non_null(rig_rule(rig, id));
	assert_false(service_ready(rig->service, reason));
	/* The rest of the service goes on. */
	rig_add(rig, RIG_LIMIT("k", 3, "1m"), requests);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	atomic_store(&fault->publish, 0);
	wait_until_healed(rig);
	assert_int_equal(rig_rules(rig), 2);
}

static void delete_that_cannot_leave_force_says_so(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	atomic_store(&fault->publish, -EPERM);
	assert_int_equal(rig_delete(rig, id, 0), ADMIN_E_UNKNOWN);
	assert_non_null(rig_rule(rig, id));
	atomic_store(&fault->publish, 0);
	wait_until_healed(rig);
	assert_int_equal(rig_rules(rig), 0);
}

static void start_that_cannot_apply_serves_and_tries_again(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault;
	char reason[SERVICE_REASON_SIZE];
	char id[ID_SIZE], requests[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	rig_add(rig, RIG_LIMIT("k", 3, "1m"), requests);
	rig_stop(rig);
	rig->pins->tables[rig->pins->published % 2].rules = 0;
	rig_open_packets(rig);
	fault = fault_packets_install(rig->datapath);
	atomic_store(&fault->publish, -ENOMEM);
	rig_start(rig, 10);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	assert_false(service_ready(rig->service, reason));
	assert_null(rig_rule(rig, id));
	atomic_store(&fault->publish, 0);
	wait_until_healed(rig);
	assert_non_null(rig_rule(rig, id));
}

/* No admin call does that; a store restored from elsewhere may. */
static void record_that_changes_its_scope_moves_over(void **state)
{
	struct rig *rig = *state;

	rig_settle(rig, rig_write_limit(rig, "lim_a", RIG_LIMIT("k", 3, "1m")));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	rig_settle(rig, rig_write_limit(rig, "lim_a", RIG_PACKETS(53, 100)));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 9);
	assert_non_null(rig_rule(rig, "lim_a"));
	rig_settle(rig, rig_write_limit(rig, "lim_a", RIG_LIMIT("k", 4, "1m")));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 4);
	assert_int_equal(rig_rules(rig), 0);
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_a"));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 9);
}

static void record_damaged_keeps_its_rule(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;

	rig_settle(rig, rig_write_limit(rig, "lim_a", RIG_PACKETS(53, 100)));
	rig_settle(rig, rig_write(rig, "tenants/default/limits/lim_a", "{\"schema\":99}"));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 1);
	assert_non_null(rig_rule(rig, "lim_a"));
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(off_at_start_serves_lists_and_deletes),
		ON_RIG(create_while_off_is_refused_with_reason),
		ON_RIG(service_without_datapath_refuses_packets),
		ON_RIG(off_makes_unready_only_who_needs_packets),
		ON_RIG(interface_that_does_not_enforce_makes_unready),
		ON_RIG(too_many_by_other_hands_leaves_out_the_newest),
		ON_RIG(too_many_at_start_leaves_out_the_newest),
		ON_RIG(apply_that_fails_keeps_former_and_is_tried_again),
		ON_RIG(delete_that_cannot_leave_force_says_so),
		ON_RIG(start_that_cannot_apply_serves_and_tries_again),
		ON_RIG(record_that_changes_its_scope_moves_over),
		ON_RIG(record_damaged_keeps_its_rule),
	};

	return cmocka_run_group_tests_name("service/packets_faults", tests, rig_random, NULL);
}
