/* An account judges what was allowed and refused as the limits promise it, kills included. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "soak/account.h"

#define S 1000000000ULL

static const struct account_limit bucket = {.period_ns = S, .burst = 3, .judge_refusals = true};
static const struct account_limit window = {
	.period_ns = S / 1000, .burst = 100, .window_ns = 60 * S, .window_limit = 2};

static struct account account;

static enum account_verdict allow(uint64_t sent_ns, uint64_t answered_ns)
{
	return account_allowed(&account, sent_ns, answered_ns, 0, 1);
}

static void account_burst_is_fine_and_one_more_is_over(void **state)
{
	account_init(&account, &bucket);
	for (int i = 0; i < 3; i++)
		assert_int_equal(allow(100 * S, 100 * S + 1), ACCOUNT_FINE);
	assert_int_equal(allow(100 * S, 100 * S + 1), ACCOUNT_OVER_BUCKET);
}

static void account_rate_gives_back_what_time_gives(void **state)
{
	account_init(&account, &bucket);
	for (int i = 0; i < 3; i++)
		allow(100 * S, 100 * S);
	assert_int_equal(allow(101 * S, 101 * S), ACCOUNT_FINE);
	assert_int_equal(allow(101 * S + S / 2, 101 * S + S / 2), ACCOUNT_OVER_BUCKET);
}

static void account_slow_answer_may_have_been_charged_at_any_moment(void **state)
{
	account_init(&account, &bucket);
	for (int i = 0; i < 3; i++)
		assert_int_equal(allow(100 * S, 110 * S), ACCOUNT_FINE);
	/* They came at 100 s at the earliest, so by 101 s there may be room again; or there is none. */
	assert_int_equal(allow(101 * S, 110 * S), ACCOUNT_FINE);
	assert_int_equal(account_refused(&account, 110 * S, 1), ACCOUNT_FINE);
}

static void account_refusal_with_room_is_told(void **state)
{
	account_init(&account, &bucket);
	assert_int_equal(account_refused(&account, 100 * S, 2), ACCOUNT_REFUSED_ROOM);
	assert_int_equal(account_refused(&account, 100 * S, 4), ACCOUNT_FINE);
	allow(100 * S, 100 * S);
	assert_int_equal(account_refused(&account, 100 * S, 3), ACCOUNT_FINE);
	assert_int_equal(account_refused(&account, 102 * S, 2), ACCOUNT_REFUSED_ROOM);
}

static void account_unanswered_request_counts_against_room_only(void **state)
{
	account_init(&account, &bucket);
	account_unanswered(&account, 100 * S, 2);
	assert_int_equal(account_refused(&account, 100 * S, 2), ACCOUNT_FINE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(allow(100 * S, 100 * S), ACCOUNT_FINE);
}

static void account_forgets_what_came_after_the_moment_and_no_more(void **state)
{
	account_init(&account, &bucket);
	allow(100 * S, 100 * S);
	allow(100 * S, 100 * S + 1);
	allow(100 * S, 100 * S + 2);
	account_forget(&account, 100 * S);
	assert_int_equal(allow(100 * S, 100 * S + 3), ACCOUNT_FINE);
	assert_int_equal(allow(100 * S, 100 * S + 3), ACCOUNT_FINE);
	assert_int_equal(allow(100 * S, 100 * S + 3), ACCOUNT_OVER_BUCKET);
}

static void account_window_is_exact_but_for_its_edges(void **state)
{
	account_init(&account, &window);
	assert_int_equal(allow(61 * S, 61 * S), ACCOUNT_FINE);
	assert_int_equal(allow(70 * S, 70 * S), ACCOUNT_FINE);
	assert_int_equal(allow(119 * S, 121 * S), ACCOUNT_FINE);
	assert_int_equal(allow(80 * S, 121 * S), ACCOUNT_FINE);
	assert_int_equal(allow(119 * S, 119 * S), ACCOUNT_OVER_WINDOW);
	assert_int_equal(allow(125 * S, 125 * S), ACCOUNT_FINE);
}

static void account_window_forgets_what_a_ring_still_holds(void **state)
{
	account_init(&account, &window);
	for (int i = 0; i < ACCOUNT_EVENTS + 8; i++)
		allow((uint64_t)i * 60 * S + S, (uint64_t)i * 60 * S + S);
	allow(1000000 * S + 41 * S, 1000000 * S + 41 * S);
	allow(1000000 * S + 42 * S, 1000000 * S + 42 * S);
	account_forget(&account, 1000000 * S);
	assert_int_equal(allow(1000000 * S + 43 * S, 1000000 * S + 43 * S), ACCOUNT_FINE);
	assert_int_equal(allow(1000000 * S + 44 * S, 1000000 * S + 44 * S), ACCOUNT_FINE);
	assert_int_equal(allow(1000000 * S + 45 * S, 1000000 * S + 45 * S), ACCOUNT_OVER_WINDOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(account_burst_is_fine_and_one_more_is_over),
		cmocka_unit_test(account_rate_gives_back_what_time_gives),
		cmocka_unit_test(account_slow_answer_may_have_been_charged_at_any_moment),
		cmocka_unit_test(account_refusal_with_room_is_told),
		cmocka_unit_test(account_unanswered_request_counts_against_room_only),
		cmocka_unit_test(account_forgets_what_came_after_the_moment_and_no_more),
		cmocka_unit_test(account_window_is_exact_but_for_its_edges),
		cmocka_unit_test(account_window_forgets_what_a_ring_still_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
