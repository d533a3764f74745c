/* What the service measures: checks by outcome, the configuration, packets. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/service/fault_packets.h"
#include "unit/service/rig.h"

static struct metrics_facts *measure(struct rig *rig)
{
	struct metrics_facts *facts = calloc(1, sizeof(*facts));

	assert_non_null(facts);
	service_measure(rig->service, facts);
	return facts;
}

static void free_facts(struct metrics_facts **facts)
{
	free(*facts);
}
#define _cleanup_facts_ _cleanup_(free_facts)

static void checks_are_counted_by_outcome(void **state)
{
	struct rig *rig = *state;
	_cleanup_facts_ struct metrics_facts *facts = NULL;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k*", 3, "1m"), id);
	assert_int_equal(rig_ask(rig, "k", 1, true, &answer), 0);
	assert_true(answer.allowed);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
	assert_int_equal(rig_ask(rig, "k", 1, true, &answer), 0);
	assert_int_equal(rig_ask(rig, "k", -1, false, &answer), 0);
	assert_int_equal(rig_ask(rig, "", 1, false, &answer), CHECK_E_INVALID);
	assert_int_equal(rig_ask(rig, "k2", 1, false, &answer), CHECK_E_KEYS_MAX);
	facts = measure(rig);
	assert_int_equal(facts->checks[METRICS_CHECK_ALLOWED], 4);
	assert_int_equal(facts->checks[METRICS_CHECK_DENIED], 2);
	assert_int_equal(facts->checks[METRICS_CHECK_PEEKED], 2);
	assert_int_equal(facts->checks[METRICS_CHECK_INVALID], 1);
	assert_int_equal(facts->checks[METRICS_CHECK_KEYS_MAX], 1);
	assert_int_equal(facts->checks[METRICS_CHECK_FAILED], 0);
	assert_int_equal(facts->engine.keys, 1);
	assert_int_equal(facts->engine.words, 1);
	assert_int_equal(facts->keys_max, 1);
}

static void configuration_is_told(void **state)
{
	struct rig *rig = *state;
	_cleanup_facts_ struct metrics_facts *facts = NULL;
	struct admin_result made;

	assert_int_equal(rig_create(rig, RIG_LIMIT("a", 3, "1m"), &made), 0);
	rig_settle(rig, rig_write(rig, "tenants/default/limits/lim_bad", "{}"));
	facts = measure(rig);
	/* The later change is none that is in force. */
	assert_int_equal(facts->revision, made.limit.revision);
	limit_done(&made.limit);
	assert_int_equal(facts->refusals, 1);
	assert_int_equal(facts->limits, 1);
	assert_int_equal(facts->taken_back, 0);
	assert_int_equal(facts->ready, 1);
	assert_int_equal(facts->packets_on, 0);
	assert_false(facts->reasons_read);
}

static int setup_small(void **state)
{
	*state = rig_new(NULL, 1);
	return 0;
}

static size_t slot_of(struct rig *rig, const char *id)
{
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (strcmp((const char *)rig->pins->slots[i].id, id) == 0)
			return i;
	fail();
	return 0;
}

static const struct metrics_packet_limit *find(const struct metrics_facts *facts, const char *id)
{
	for (size_t i = 0; i < facts->n_packet_limits; i++)
		if (strcmp(facts->packet_limits[i].id, id) == 0)
			return &facts->packet_limits[i];
	fail();
	return NULL;
}

static void packet_limits_have_their_counts(void **state)
{
	struct rig *rig = *state;
	_cleanup_facts_ struct metrics_facts *facts = NULL;
	char first[ID_SIZE], second[ID_SIZE], id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 3, "1m"), id);
	rig_add(rig, RIG_PACKETS(53, 100), first);
	rig_add(rig,
		"{\"scope\":\"packet\",\"limit\":9,\"interval\":\"1s\",\"name\":\"all\","
		"\"mode\":\"off\"}",
		second);
	rig->pins->counts[slot_of(rig, first)] = (struct sluice_counts){1, 2, 3, 4};
	rig->pins->reasons.busy = 5;
	facts = measure(rig);
	assert_int_equal(facts->packets_on, 1);
	assert_int_equal(facts->limits, 3);
	assert_int_equal(facts->packet_limits_wanted, 2);
	assert_int_equal(facts->packet_limits_in_force, 2);
	assert_true(facts->reasons_read);
	assert_int_equal(facts->reasons.busy, 5);
	assert_int_equal(facts->n_packet_limits, 2);
	assert_string_equal(find(facts, first)->name, "");
	assert_int_equal(find(facts, first)->counts.denied_bytes, 4);
	assert_int_equal(find(facts, first)->mode, ENGINE_ENFORCE);
	assert_string_equal(find(facts, second)->name, "all");
	assert_int_equal(find(facts, second)->counts.denied_bytes, 0);
	assert_int_equal(find(facts, second)->mode, ENGINE_OFF);
}

static void interface_that_does_not_enforce_shows(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	_cleanup_facts_ struct metrics_facts *facts = NULL;

	strcpy(fault->interface.name, "eth7");
	fault->interface.mode = DATAPATH_NONE;
	fault->n_interfaces = 1;
	facts = measure(rig);
	assert_int_equal(facts->ready, 0);
	assert_int_equal(facts->n_interfaces, 1);
	assert_string_equal(facts->interfaces[0].name, "eth7");
}

#define ON_PACKETS(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(checks_are_counted_by_outcome, setup_small,
						rig_teardown),
		cmocka_unit_test_setup_teardown(configuration_is_told, rig_setup, rig_teardown),
		ON_PACKETS(packet_limits_have_their_counts),
		ON_PACKETS(interface_that_does_not_enforce_shows),
	};

	return cmocka_run_group_tests_name("service/measure", tests, rig_random, NULL);
}
