/* Durations are told within 3 %, from nothing to hundreds of years. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "soak/durations.h"

static void durations_quantiles_are_within_three_percent(void **state)
{
	struct durations durations = {0}, half = {0};

	for (uint64_t i = 1; i <= 10000; i++)
		durations_add(i % 2 ? &durations : &half, i * 1000);
	durations_merge(&durations, &half);
	assert_int_equal(durations.n, 10000);
	assert_in_range(durations_quantile_ns(&durations, 50), 4850000, 5150000);
	assert_in_range(durations_quantile_ns(&durations, 99), 9600000, 10200000);
	assert_int_equal(durations.max_ns, 10000000);
}

static void durations_any_number_has_a_cell(void **state)
{
	static const uint64_t values[] = {0, 1, 15, 16, 17, 1ULL << 32, UINT64_MAX / 2};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct durations durations = {0};
		uint64_t told;

		durations_add(&durations, values[i]);
		told = durations_quantile_ns(&durations, 50);
		assert_in_range(told, values[i] - values[i] / 30, values[i] + values[i] / 30);
	}
}

static void durations_of_nothing_are_zero(void **state)
{
	struct durations durations = {0};

	assert_int_equal(durations_quantile_ns(&durations, 99), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_quantiles_are_within_three_percent),
		cmocka_unit_test(durations_any_number_has_a_cell),
		cmocka_unit_test(durations_of_nothing_are_zero),
	};

	return cmocka_run_group_tests_name("soak durations", tests, NULL, NULL);
}
