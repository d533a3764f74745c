/* RateLimit fields: rounding, order, bounds. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/ratelimit_headers.h"

static struct check_answer answer;
static struct reply reply;

static struct engine_hit *add_hit(const char *id, uint64_t limit, uint64_t remaining)
{
	struct engine_hit *hit = &answer.verdict.hits[answer.verdict.count++];

	snprintf(hit->id, sizeof(hit->id), "%s", id);
	hit->limit = limit;
	hit->burst = limit;
	hit->interval_ns = 60000000000ULL;
	hit->figures.remaining = remaining;
	hit->figures.reset_after_ns = 1;
	hit->mode = ENGINE_ENFORCE;
	return hit;
}

static int setup(void **state)
{
	memset(&answer, 0, sizeof(answer));
	reply_init(&reply);
	answer.allowed = true;
	answer.limited = true;
	return 0;
}

static void headers_without_enforcing_limit_are_absent(void **state)
{
	add_hit("lim_a", 5, 4)->mode = ENGINE_SHADOW;
	answer.limited = false;
	ratelimit_headers_set(&answer, &reply);
	assert_string_equal(reply.ratelimit_policy, "");
	assert_string_equal(reply.ratelimit, "");
	assert_string_equal(reply.retry_after, "");
}

static void headers_tightest_comes_first_and_shadow_not_at_all(void **state)
{
	add_hit("lim_a", 100, 50);
	add_hit("lim_b", 5, 4)->mode = ENGINE_SHADOW;
	add_hit("lim_c", 7, 1)->interval_ns = 1500000000;
	answer.tightest_hit = 2;
	ratelimit_headers_set(&answer, &reply);
	assert_string_equal(reply.ratelimit_policy, "\"lim_c\";q=7;w=2, \"lim_a\";q=100;w=60");
	assert_string_equal(reply.ratelimit, "\"lim_c\";r=1;t=1, \"lim_a\";r=50;t=1");
	assert_string_equal(reply.retry_after, "");
}

static void headers_retry_after_is_rounded_up_and_not_before_t(void **state)
{
	static const struct {
		uint64_t retry_ms;
		const char *text;
	} rows[] = {{1, "1"},      {999, "1"}, {1000, "1"},       {1001, "2"},
		    {60000, "60"}, {0, "1"},   {SLUICE_NEVER, ""}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[64];

		setup(state);
		struct engine_hit *hit = add_hit("lim_a", 5, 0);

		hit->refused = true;
		hit->figures.retry_after_ns = rows[i].retry_ms == SLUICE_NEVER ?
						      SLUICE_NEVER :
						      rows[i].retry_ms * 1000000;
		answer.allowed = false;
		answer.tightest.retry_after_ms = rows[i].retry_ms;
		ratelimit_headers_set(&answer, &reply);
		assert_string_equal(reply.retry_after, rows[i].text);
		snprintf(expected, sizeof(expected), "\"lim_a\";r=0;t=%s",
			 rows[i].retry_ms == 0 ? "0" :
			 *rows[i].text         ? rows[i].text :
						 "1");
		assert_string_equal(reply.ratelimit, expected);
	}
}

static void headers_of_many_large_limits_fit(void **state)
{
	size_t items = 1;

	for (int i = 0; i < ENGINE_MATCH_MAX; i++) {
		struct engine_hit *hit =
			add_hit("lim_0123456789abcdefghijklmnopq", UINT64_MAX, UINT64_MAX);

		hit->interval_ns = 365ULL * 86400 * 1000000000;
		hit->figures.reset_after_ns = UINT64_MAX;
	}
	answer.tightest_hit = ENGINE_MATCH_MAX - 1;
	ratelimit_headers_set(&answer, &reply);
	for (const char *at = reply.ratelimit_policy; (at = strstr(at, ", ")); at++)
		items++;
	assert_int_equal(items, RATELIMIT_ITEMS_MAX);
	assert_non_null(strstr(reply.ratelimit_policy, ";q=999999999999999;w=31536000"));
	assert_true(strlen(reply.ratelimit_policy) < REPLY_RATELIMIT_SIZE);
	assert_true(strlen(reply.ratelimit) < REPLY_RATELIMIT_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(headers_without_enforcing_limit_are_absent, setup),
		cmocka_unit_test_setup(headers_tightest_comes_first_and_shadow_not_at_all, setup),
		cmocka_unit_test_setup(headers_retry_after_is_rounded_up_and_not_before_t, setup),
		cmocka_unit_test_setup(headers_of_many_large_limits_fit, setup),
	};

	return cmocka_run_group_tests_name("ratelimit_headers", tests, NULL, NULL);
}
