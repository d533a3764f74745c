/* Limits of packets: in force once created, refused with nothing changed, kept through failures. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "unit/service/rig.h"

static void create_is_in_force_with_capacity(void **state)
{
	struct rig *rig = *state;
	struct limit_capacity capacity;
	struct limit_stats stats;
	struct admin_result result;

	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), 0);
	assert_non_null(rig_rule(rig, result.limit.id));
	assert_int_equal(rig_rules(rig), 1);
	assert_int_equal(service_limit_capacity(rig->service, &result.limit, &capacity), 0);
	assert_true(capacity.keys >= 320);
	assert_true(capacity.spoofed_pps > 0);
	assert_int_equal(service_limit_stats(rig->service, &result.limit, &stats), 0);
	assert_int_equal(stats.allowed, 0);
	limit_done(&result.limit);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_is_in_force_with_capacity),
	};

	return cmocka_run_group_tests_name("service/packets", tests, rig_random, NULL);
}
