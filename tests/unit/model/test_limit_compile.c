/* What fits a word compiles; what does not is told with the number that would. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

#define OFFSET_NS 1795466160123456789ULL

static void compile_gives_what_the_params_give(void **state)
{
	static const struct sluice_spec spec = {
		.limit = 1000,
		.burst = 50,
		.interval_ns = 60000000000,
		.cost_min = 1,
		.algorithm = SLUICE_TOKEN_BUCKET,
	};
	struct sluice_params expected, params = {0};
	_cleanup_limit_ struct limit limit;

	limit_must_parse("{\"key\":\"k\",\"limit\":1000,\"interval\":\"1m\",\"burst\":50}", &limit);
	assert_int_equal(sluice_params_compile(&spec, OFFSET_NS, &expected), 0);
	assert_int_equal(limit_compile(&limit, OFFSET_NS, NULL, &params), 0);
	assert_memory_equal(&params, &expected, sizeof(params));
}

static void compile_of_a_window_uses_the_offset(void **state)
{
	_cleanup_limit_ struct limit limit;
	struct sluice_params params;

	limit_must_parse("{\"key\":\"k\",\"limit\":10,\"interval\":\"1h\","
			 "\"algorithm\":\"fixed_window\"}",
			 &limit);
	assert_int_equal(limit_compile(&limit, OFFSET_NS, NULL, &params), 0);
	assert_int_equal(params.phase_ns, OFFSET_NS % 3600000000000);
	assert_int_equal(params.burst, 10);
}

/* The largest number that the message names fits, and the next does not. */
static void compile_names_the_largest_number_that_fits(void **state)
{
	static const struct {
		const char *start, *field;
		uint64_t largest;
	} rows[] = {
		{"{\"key\":\"k\",\"interval\":\"1s\",\"limit\":", "limit", 320000000},
		{"{\"key\":\"k\",\"interval\":\"1ms\",\"limit\":", "limit", 320000},
		{"{\"key\":\"k\",\"interval\":\"1s\",\"burst\":1,\"limit\":", "limit", 320000000},
		{"{\"key\":\"k\",\"interval\":\"365d\",\"limit\":", "limit", 10091520000000000},
		{"{\"key\":\"k\",\"interval\":\"1s\",\"algorithm\":\"fixed_window\",\"limit\":",
		 "limit", SLUICE_FIXED_COUNT_MAX},
		{"{\"key\":\"k\",\"interval\":\"1s\",\"algorithm\":\"sliding_window\","
		 "\"limit\":",
		 "limit", SLUICE_SLIDING_COUNT_MAX},
		{"{\"key\":\"k\",\"interval\":\"365d\",\"limit\":1,\"burst\":", "burst", 2},
		/* 2^61 ticks over 3.2e10 ticks per token */
		{"{\"key\":\"k\",\"interval\":\"1s\",\"limit\":1,\"burst\":", "burst", 72057594},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct field_error error = {0};
		struct limit limit = {0};
		char text[256], piece[64];
		int r;

		snprintf(text, sizeof(text), "%s%llu}", rows[i].start,
			 (unsigned long long)rows[i].largest);
		limit_must_parse(text, &limit);
		limit_done(&limit);
		snprintf(piece, sizeof(piece), "must be at most %llu ",
			 (unsigned long long)rows[i].largest);
		snprintf(text, sizeof(text), "%s%llu}", rows[i].start,
			 (unsigned long long)rows[i].largest + 1);
		r = limit_from_text(text, &error, &limit);
		limit_must_be_refused(r, &error, rows[i].field, piece, text);
		snprintf(text, sizeof(text), "%s%llu}", rows[i].start,
			 (unsigned long long)INT64_MAX);
		r = limit_from_text(text, &error, &limit);
		limit_must_be_refused(r, &error, rows[i].field, piece, text);
	}
}

static void compile_of_a_limit_made_by_hand_is_checked_too(void **state)
{
	static const struct {
		struct limit limit;
		const char *field, *piece;
	} rows[] = {
		{{.limit = 0, .interval_ns = 1000000}, "limit", "must be at least 1"},
		{{.limit = SLUICE_SLIDING_COUNT_MAX + 5,
		  .burst = SLUICE_SLIDING_COUNT_MAX + 5,
		  .burst_given = true,
		  .interval_ns = 1000000,
		  .algorithm = SLUICE_SLIDING_WINDOW},
		 "limit",
		 "must be at most 16777215 "},
		{{.limit = 1, .interval_ns = 999999}, "interval", "\"1ms\" to \"365d\""},
		{{.limit = 1, .interval_ns = SLUICE_INTERVAL_MAX_NS + 1}, "interval", "\"365d\""},
	};
	struct sluice_params params;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct field_error error = {0};
		int r = limit_compile(&rows[i].limit, 0, &error, &params);

		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, "by hand");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compile_gives_what_the_params_give),
		cmocka_unit_test(compile_of_a_window_uses_the_offset),
		cmocka_unit_test(compile_names_the_largest_number_that_fits),
		cmocka_unit_test(compile_of_a_limit_made_by_hand_is_checked_too),
	};

	return cmocka_run_group_tests_name("limit_compile", tests, NULL, NULL);
}
