/* What compiles and what does not: each boundary from both sides, each error reached. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

#define TOKEN   SLUICE_TOKEN_BUCKET
#define FIXED   SLUICE_FIXED_WINDOW
#define SLIDING SLUICE_SLIDING_WINDOW
#define MS      SLUICE_INTERVAL_MIN_NS
#define YEAR    SLUICE_INTERVAL_MAX_NS

struct row {
	struct sluice_spec spec;
	int want;
};

static void check_rows(const struct row *rows, size_t len)
{
	struct sluice_params untouched, p;

	memset(&untouched, 0xa5, sizeof(untouched));
	for (size_t i = 0; i < len; i++) {
		int got;

		p = untouched;
		got = sluice_params_compile(&rows[i].spec, 0, &p);
		algo_check(got == rows[i].want, "row %zu: got %d, want %d", i, got, rows[i].want);
		if (got)
			assert_memory_equal(&p, &untouched, sizeof(p));
	}
}

#define check_table(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void params_limit_zero_is_refused(void **state)
{
	const struct row rows[] = {
		{{0, 0, ALGO_S, 1, TOKEN}, SLUICE_PARAMS_E_LIMIT_ZERO},
		{{0, 5, ALGO_S, 1, TOKEN}, SLUICE_PARAMS_E_LIMIT_ZERO},
		{{0, 0, ALGO_S, 1, FIXED}, SLUICE_PARAMS_E_LIMIT_ZERO},
		{{0, 0, ALGO_S, 1, SLIDING}, SLUICE_PARAMS_E_LIMIT_ZERO},
		{{1, 0, ALGO_S, 1, TOKEN}, 0},
	};

	check_table(rows);
}

static void params_interval_is_1_ms_to_365_days(void **state)
{
	for (__u32 algorithm = TOKEN; algorithm <= SLIDING; algorithm++) {
		const struct row rows[] = {
			{{1, 0, 0, 1, algorithm}, SLUICE_PARAMS_E_INTERVAL},
			{{1, 0, MS - 1, 1, algorithm}, SLUICE_PARAMS_E_INTERVAL},
			{{1, 0, MS, 1, algorithm}, 0},
			{{1, 0, YEAR, 1, algorithm}, 0},
			{{1, 0, YEAR + 1, 1, algorithm}, SLUICE_PARAMS_E_INTERVAL},
			{{1, 0, ~0ULL, 1, algorithm}, SLUICE_PARAMS_E_INTERVAL},
		};

		check_table(rows);
	}
}

static void params_rate_is_bounded_by_what_ticks_resolve(void **state)
{
	const struct row rows[] = {
		/* 100 ticks per smallest cost. */
		{{320000000, 1000, ALGO_S, 1, TOKEN}, 0},
		{{320000001, 1000, ALGO_S, 1, TOKEN}, SLUICE_PARAMS_E_RATE},
		{{320000, 1000, MS, 1, TOKEN}, 0},
		{{320001, 1000, MS, 1, TOKEN}, SLUICE_PARAMS_E_RATE},
		{{20480000000, 0, ALGO_S, 64, TOKEN}, 0},
		{{20480000001, 0, ALGO_S, 64, TOKEN}, SLUICE_PARAMS_E_RATE},
		{{~0ULL, 1, YEAR, 64, TOKEN}, SLUICE_PARAMS_E_RATE},
		{{12500000000, 0, ALGO_S, 64, TOKEN}, 0},
		/* Windows count, they have no rate to resolve. */
		{{SLUICE_FIXED_COUNT_MAX, 0, MS, 1, FIXED}, 0},
	};

	check_table(rows);
}

static void params_burst_is_bounded_by_the_tolerance(void **state)
{
	const struct row rows[] = {
		/* 2^61 ticks are 2.28 years. */
		{{1, 2, YEAR, 1, TOKEN}, 0},
		{{1, 3, YEAR, 1, TOKEN}, SLUICE_PARAMS_E_BURST},
		{{1, ~0ULL, YEAR, 1, TOKEN}, SLUICE_PARAMS_E_BURST},
		{{~0ULL >> 24, ~0ULL, YEAR, 64, TOKEN}, SLUICE_PARAMS_E_BURST},
		/* 2^61 ticks exactly, and one token more: 2^16 ticks each. */
		{{500000, 1ULL << 45, 1024000000, 1, TOKEN}, 0},
		{{500000, (1ULL << 45) + 1, 1024000000, 1, TOKEN}, SLUICE_PARAMS_E_BURST},
	};

	check_table(rows);
	assert_int_equal(algo_params(TOKEN, 500000, 1ULL << 45, 1024000000).tolerance,
			 SLUICE_TOLERANCE_MAX);
}

/* A huge burst leaves few fraction bits; the largest one that keeps the rate is accepted. */
static void params_burst_of_fractions_is_bounded_by_their_precision(void **state)
{
	struct sluice_spec spec = {12500000000, 0, ALGO_S, 64, TOKEN};
	struct sluice_params p;
	__u64 low = 1, high = 1ULL << 62;

	while (low + 1 < high) {
		spec.burst = low + (high - low) / 2;
		if (sluice_params_compile(&spec, 0, &p)) {
			assert_int_equal(sluice_params_compile(&spec, 0, &p),
					 SLUICE_PARAMS_E_BURST);
			high = spec.burst;
		} else {
			low = spec.burst;
		}
	}
	/* More than a week at full rate, with seven bits. */
	assert_true(low / spec.limit > 7 * 86400);
	spec.burst = low;
	assert_int_equal(sluice_params_compile(&spec, 0, &p), 0);
	assert_int_equal(p.shift, 7);
	assert_true(p.mult * p.burst < 1ULL << 62 && p.mult * (p.burst + 1) >= 1ULL << 62);
}

static void params_petabytes_per_month_compile(void **state)
{
	const struct row rows[] = {
		{{1000000000000000, 0, 30 * ALGO_DAY, 64, TOKEN}, 0},
		{{12500000000ULL * 86400 * 7, 0, 7 * ALGO_DAY, 64, TOKEN}, 0},
	};

	check_table(rows);
}

static void params_windows_have_no_burst_of_their_own(void **state)
{
	for (__u32 algorithm = FIXED; algorithm <= SLIDING; algorithm++) {
		const struct row rows[] = {
			{{10, 0, ALGO_S, 1, algorithm}, 0},
			{{10, 10, ALGO_S, 1, algorithm}, 0},
			{{10, 9, ALGO_S, 1, algorithm}, SLUICE_PARAMS_E_BURST_WINDOW},
			{{10, 11, ALGO_S, 1, algorithm}, SLUICE_PARAMS_E_BURST_WINDOW},
		};

		check_table(rows);
	}
}

static void params_window_limit_is_bounded_by_its_count_field(void **state)
{
	const struct row rows[] = {
		{{(1ULL << 48) - 1, 0, ALGO_S, 1, FIXED}, 0},
		{{1ULL << 48, 0, ALGO_S, 1, FIXED}, SLUICE_PARAMS_E_COUNT},
		{{~0ULL, 0, ALGO_S, 1, FIXED}, SLUICE_PARAMS_E_COUNT},
		{{(1ULL << 24) - 1, 0, ALGO_S, 1, SLIDING}, 0},
		{{1ULL << 24, 0, ALGO_S, 1, SLIDING}, SLUICE_PARAMS_E_COUNT},
		{{(1ULL << 24) - 1, 0, YEAR, 1, SLIDING}, 0},
	};

	check_table(rows);
}

static void params_burst_defaults_to_the_limit(void **state)
{
	assert_int_equal(algo_params(TOKEN, 10, 0, ALGO_S).burst, 10);
	assert_int_equal(algo_params(TOKEN, 10, 25, ALGO_S).burst, 25);
	assert_int_equal(algo_params(FIXED, 10, 0, ALGO_S).burst, 10);
}

/* mult is the least integer not below ticks per token: never faster than the limit. */
static void params_emission_interval_is_rounded_up_and_products_fit(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(100000); n; n--) {
		struct sluice_params p = algo_params_random(&r, TOKEN);
		unsigned __int128 ticks = (unsigned __int128)p.interval_ns << (5 + p.shift);

		assert_true((unsigned __int128)p.mult * p.limit >= ticks);
		assert_true((unsigned __int128)(p.mult - 1) * p.limit < ticks);
		assert_true((unsigned __int128)p.burst * p.mult < 1ULL << 62);
		assert_true((unsigned __int128)p.cost_max * p.mult <= 1ULL << 62);
		assert_true(p.burst <= p.cost_max && p.tolerance <= SLUICE_TOLERANCE_MAX);
		assert_true(p.tolerance >= ((p.burst * p.mult) >> p.shift));
		assert_true(p.shift == 0 || p.interval_ns << 5 < p.limit * 100);
	}
}

static void params_phase_aligns_windows_to_utc(void **state)
{
	struct sluice_spec spec = {10, 0, 60 * ALGO_S, 1, FIXED};
	struct sluice_params p;

	assert_int_equal(sluice_params_compile(&spec, 1717171717987654321ULL, &p), 0);
	assert_int_equal(p.phase_ns, 37987654321ULL);
	spec.algorithm = TOKEN;
	assert_int_equal(sluice_params_compile(&spec, 1717171717987654321ULL, &p), 0);
	assert_int_equal(p.phase_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(params_limit_zero_is_refused),
		cmocka_unit_test(params_interval_is_1_ms_to_365_days),
		cmocka_unit_test(params_rate_is_bounded_by_what_ticks_resolve),
		cmocka_unit_test(params_burst_is_bounded_by_the_tolerance),
		cmocka_unit_test(params_burst_of_fractions_is_bounded_by_their_precision),
		cmocka_unit_test(params_petabytes_per_month_compile),
		cmocka_unit_test(params_windows_have_no_burst_of_their_own),
		cmocka_unit_test(params_window_limit_is_bounded_by_its_count_field),
		cmocka_unit_test(params_burst_defaults_to_the_limit),
		cmocka_unit_test(params_emission_interval_is_rounded_up_and_products_fit),
		cmocka_unit_test(params_phase_aligns_windows_to_utc),
	};

	return cmocka_run_group_tests_name("algorithm/params", tests, NULL, NULL);
}
