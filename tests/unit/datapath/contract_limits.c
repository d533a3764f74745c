/* The contract of the packet path: what limits do to packets, and changes to limits. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/datapath/contract_cases.h"

void apply_nothing_lets_everything_pass(void **state)
{
	struct contract *c = contract_open(state);

	assert_int_equal(contract_passed(c, 50, 1), 50);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 50, 1), 50);
}

void apply_limit_holds_each_source_to_it(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	assert_int_equal(contract_passed(c, 30, 2), 10);
	assert_int_equal(contract_passed(c, 5, 1), 0);
}

void apply_limit_without_per_holds_all_together(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN);
	contract_apply(c);
	assert_int_equal(
		contract_passed(c, 6, 1) + contract_passed(c, 6, 2) + contract_passed(c, 6, 3), 10);
}

/* 60 bytes each. */
void apply_limit_of_bytes_charges_the_frame(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a",
		      "\"unit\":\"bytes\",\"limit\":2000,\"interval\":\"1h\",\"burst\":2000");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 50, 1), 33);
	assert_true(contract_counts(c, "lim_a").allowed_bytes == 33 * 60);
	assert_true(contract_counts(c, "lim_a").denied_bytes == 17 * 60);
}

void apply_other_packets_are_left_alone(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", "\"match\":{\"dst_port\":80}," TEN);
	limit_set_add(c->set, "lim_b", "\"match\":{\"dst\":\"192.0.2.2\"}," TEN);
	limit_set_add(c->set, "lim_c", "\"match\":{\"proto\":\"tcp\"}," TEN);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 50, 1), 50);
	limit_set_add(c->set, "lim_d",
		      "\"match\":{\"dst\":\"192.0.2.0/24\",\"proto\":\"udp\","
		      "\"dst_port\":\"50-60\"}," TEN);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 50, 1), 10);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 0);
	assert_true(contract_counts(c, "lim_d").allowed_packets == 10);
}

/* The narrow limit refuses; what it refuses must not eat the broad one. */
void apply_two_limits_admit_together_or_not_at_all(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_broad", TEN);
	limit_set_add(c->set, "lim_narrow", "\"per\":\"src\",\"limit\":3,\"interval\":\"1h\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 20, 1), 3);
	assert_int_equal(contract_passed(c, 20, 2), 3);
	assert_int_equal(contract_passed(c, 20, 3), 3);
	assert_int_equal(contract_passed(c, 20, 4), 1);
}

void apply_without_a_limit_forgets_it(void **state)
{
	struct sluice_counts counts;
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	limit_set_clear(c->set);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	assert_int_equal(datapath_counts(c->datapath, "lim_a", &counts), DATAPATH_E_NOT_FOUND);
	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 0);
	assert_int_equal(contract_passed(c, 30, 1), 10);
}

void apply_another_limit_leaves_the_first_as_it_is(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_b", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 6, 1), 6);
	limit_set_add(c->set, "lim_a", "\"per\":\"src\",\"limit\":100,\"interval\":\"1s\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 6, 1), 4);
	limit_set_remove(c->set, "lim_a");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 6, 1), 0);
	assert_true(contract_counts(c, "lim_b").allowed_packets == 10);
}

void change_of_numbers_keeps_what_was_consumed(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 4, 1), 4);
	limit_set_change(c->set, "lim_a", "\"burst\":12");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 8);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 12);
}

/* Ten tokens are owed, of which the smaller burst leaves three. */
void change_to_smaller_burst_owes_at_most_that(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	limit_set_add(c->set, "lim_b", TEN);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	limit_set_change(c->set, "lim_a", "\"burst\":3");
	limit_set_change(c->set, "lim_b", "\"burst\":3");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 0);
	limit_set_change(c->set, "lim_a", "\"burst\":10");
	limit_set_change(c->set, "lim_b", "\"burst\":10");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 7);
}

void change_of_match_keeps_what_was_consumed(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 7, 1), 7);
	limit_set_change(c->set, "lim_a", "\"match\":{\"dst_port\":80}");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 7, 1), 7);
	limit_set_change(c->set, "lim_a", "\"match\":{\"dst_port\":53}");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 7, 1), 3);
}

void mode_off_counts_nothing_and_keeps_what_was_consumed(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 7, 1), 7);
	limit_set_change(c->set, "lim_a", "\"mode\":\"off\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 7);
	limit_set_change(c->set, "lim_a", "\"mode\":\"enforce\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 3);
}

void mode_shadow_counts_and_never_drops(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH ",\"mode\":\"shadow\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 10);
	assert_true(contract_counts(c, "lim_a").denied_packets == 20);
}

void until_the_past_no_longer_holds(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN)->until_ns = contract_now_ns();
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	c->set->limit[0].until_ns = contract_now_ns() + 3600000000000;
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
}

void counts_are_of_packets_and_bytes(void **state)
{
	struct contract *c = contract_open(state);
	struct sluice_reasons reasons;
	struct sluice_counts counts;

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	counts = contract_counts(c, "lim_a");
	assert_true(counts.allowed_packets == 10 && counts.allowed_bytes == 600);
	assert_true(counts.denied_packets == 20 && counts.denied_bytes == 1200);
	reasons = contract_reasons(c);
	assert_true(reasons.admitted == 10 && reasons.refused == 20);
	assert_int_equal(datapath_counts(c->datapath, "lim_b", &counts), DATAPATH_E_NOT_FOUND);
}

void capacity_says_what_lines_hold_and_how_full_they_are(void **state)
{
	struct contract *c = contract_open(state);
	struct datapath_capacity all, each;

	limit_set_add(c->set, "lim_all", TEN);
	limit_set_add(c->set, "lim_each", "\"per\":\"src\",\"limit\":1,\"interval\":\"1s\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 1, 1), 1);
	assert_int_equal(datapath_capacity(c->datapath, "lim_all", contract_now_ns(), &all), 0);
	assert_true(all.keys == 1 && all.spoofed_pps == LIMIT_NEVER_FULL && all.full == 0);
	assert_int_equal(datapath_capacity(c->datapath, "lim_each", contract_now_ns(), &each), 0);
	assert_true(each.keys >= 5 * 64 && each.keys % (5 * 64) == 0);
	assert_true(each.spoofed_pps == each.keys / 2);
	assert_true(each.full == 0);
	assert_int_equal(datapath_capacity(c->datapath, "lim_none", 0, &all), DATAPATH_E_NOT_FOUND);
}

void check_changes_nothing(void **state)
{
	struct contract *c = contract_open(state);
	struct sluice_counts counts;
	struct field_error error;

	limit_set_add(c->set, "lim_a", TEN_EACH);
	assert_int_equal(datapath_check(c->datapath, c->set->limit, c->set->n, &error), 0);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	assert_int_equal(datapath_counts(c->datapath, "lim_a", &counts), DATAPATH_E_NOT_FOUND);
}
