/* A datapath that is off refuses limits with its reason, and nothing else. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/backends.h"
#include "unit/datapath/limit_set.h"

static struct datapath *open_off(const char *why)
{
	struct datapath *datapath = NULL;

	assert_int_equal(datapath_open_off(why, &datapath), 0);
	return datapath;
}

static void off_refuses_limits_and_says_why(void **state)
{
	_cleanup_limit_set_ struct limit_set *set = limit_set_new();
	struct datapath *datapath = open_off("no kernel");
	struct field_error error;

	limit_set_add(set, "lim_a", "\"limit\":1,\"interval\":\"1s\"");
	assert_int_equal(datapath_check(datapath, set->limit, 1, &error), DATAPATH_E_OFF);
	assert_non_null(strstr(error.message, "no kernel"));
	error.message[0] = '\0';
	assert_int_equal(datapath_apply(datapath, set->limit, 1, &error), DATAPATH_E_OFF);
	assert_non_null(strstr(error.message, "no kernel"));
	assert_string_equal(datapath_off(datapath), "no kernel");
	datapath_close(datapath, false);
}

static void off_takes_the_empty_set_and_has_nothing(void **state)
{
	struct datapath *datapath = open_off("no kernel");
	struct datapath_interface interface;
	struct datapath_capacity capacity;
	struct sluice_reasons reasons;
	struct sluice_counts counts;

	assert_int_equal(datapath_check(datapath, NULL, 0, NULL), 0);
	assert_int_equal(datapath_apply(datapath, NULL, 0, NULL), 0);
	assert_int_equal(datapath_counts(datapath, "lim_a", &counts), DATAPATH_E_NOT_FOUND);
	assert_int_equal(datapath_capacity(datapath, "lim_a", 1, &capacity), DATAPATH_E_NOT_FOUND);
	assert_int_equal(datapath_reasons(datapath, &reasons), 0);
	assert_true(reasons.passed == 0);
	assert_int_equal(datapath_interfaces(datapath, &interface, 1), 0);
	datapath_tend(datapath);
	datapath_close(datapath, true);
}

static void off_without_a_reason_is_off_all_the_same(void **state)
{
	struct datapath *datapath = open_off("");

	assert_non_null(datapath_off(datapath));
	datapath_close(datapath, false);
}

static void close_nothing_is_fine(void **state)
{
	datapath_close(NULL, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_refuses_limits_and_says_why),
		cmocka_unit_test(off_takes_the_empty_set_and_has_nothing),
		cmocka_unit_test(off_without_a_reason_is_off_all_the_same),
		cmocka_unit_test(close_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
