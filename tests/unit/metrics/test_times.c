/* Histograms: which bucket a time falls into, and how they are written. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/times.h"

enum { FIRST = 3 }; /* not 0, so that an offset that is forgotten shows */

static int setup(void **state)
{
	struct counters *counters;

	assert_int_equal(counters_new(FIRST + TIMES_CELLS, &counters), 0);
	*state = counters;
	return 0;
}

static int teardown(void **state)
{
	counters_free(*state);
	return 0;
}

static void time_at_a_bound_falls_below_it(void **state)
{
	static const struct {
		uint64_t ns;
		size_t bucket;
	} rows[] = {
		{0, 0},
		{50, 0},
		{51, 1},
		{500, 3},
		{501, 4},
		{2000, 5},
		{2001, 6},
		{1000000, 13},
		{1000001, 14},
		{1000000000, SLUICE_TIMES_N - 1},
		{1000000001, SLUICE_TIMES_N},
		{3600000000000, SLUICE_TIMES_N},
	};
	struct sluice_times before, times;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		times_read(*state, FIRST, &before);
		times_add(*state, FIRST, rows[i].ns);
		times_read(*state, FIRST, &times);
		for (size_t b = 0; b <= SLUICE_TIMES_N; b++)
			assert_int_equal(times.buckets[b] - before.buckets[b], b == rows[i].bucket);
		assert_int_equal(times.sum_ns - before.sum_ns, rows[i].ns);
	}
}

static void written_buckets_are_cumulative_to_infinity(void **state)
{
	const struct exposition_label door = {"door", "x"};
	_cleanup_buf_ struct buf buf;
	struct exposition out = {.buf = &buf};
	struct sluice_times times;

	buf_init(&buf);
	times_add(*state, FIRST, 1000);
	times_add(*state, FIRST, 4000);
	times_add(*state, FIRST, 60000000);
	times_add(*state, FIRST, 2000000000);
	times_read(*state, FIRST, &times);
	times_write(&times, "t", &door, &out);
	assert_string_equal(buf.data, "t_bucket{door=\"x\",le=\"0.00000005\"} 0\n"
				      "t_bucket{door=\"x\",le=\"0.0000001\"} 0\n"
				      "t_bucket{door=\"x\",le=\"0.0000002\"} 0\n"
				      "t_bucket{door=\"x\",le=\"0.0000005\"} 0\n"
				      "t_bucket{door=\"x\",le=\"0.000001\"} 1\n"
				      "t_bucket{door=\"x\",le=\"0.000002\"} 1\n"
				      "t_bucket{door=\"x\",le=\"0.000005\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.00001\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.00002\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.00005\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.0001\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.0002\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.0005\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.001\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.002\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.005\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.01\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.05\"} 2\n"
				      "t_bucket{door=\"x\",le=\"0.1\"} 3\n"
				      "t_bucket{door=\"x\",le=\"1\"} 3\n"
				      "t_bucket{door=\"x\",le=\"+Inf\"} 4\n"
				      "t_sum{door=\"x\"} 2.060005000\n"
				      "t_count{door=\"x\"} 4\n");
}

#define ON_COUNTERS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_COUNTERS(time_at_a_bound_falls_below_it),
		ON_COUNTERS(written_buckets_are_cumulative_to_infinity),
	};

	return cmocka_run_group_tests_name("metrics/times", tests, NULL, NULL);
}
