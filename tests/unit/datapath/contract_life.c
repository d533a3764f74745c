/* The contract of the packet path: many limits, and controllers that come and go. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/datapath/contract_cases.h"

static void add_many(struct contract *c, size_t n, const char *members)
{
	char id[ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "lim_%02zu", c->set->n);
		limit_set_add(c->set, id, members);
	}
}

static void must_be_too_many(struct contract *c, const char *piece)
{
	struct field_error error = {0};

	assert_int_equal(datapath_check(c->datapath, c->set->limit, c->set->n, &error),
			 DATAPATH_E_TOO_MANY);
	assert_int_equal(datapath_apply(c->datapath, c->set->limit, c->set->n, &error),
			 DATAPATH_E_TOO_MANY);
	if (!strstr(error.message, piece))
		fail_msg("%s: %s", error.field, error.message);
}

void apply_seventeenth_limit_on_one_packet_is_refused(void **state)
{
	struct contract *c = contract_open(state);

	add_many(c, 16, "\"match\":{\"dst_port\":\"1-60\"}," TEN_EACH);
	add_many(c, 16, "\"match\":{\"dst_port\":\"61-99\"}," TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	limit_set_add(c->set, "lim_x", TEN_EACH ",\"mode\":\"shadow\"");
	must_be_too_many(c, "17 packet limits");
	/* The set before holds. */
	assert_int_equal(contract_passed(c, 30, 2), 10);
	limit_set_change(c->set, "lim_x", "\"mode\":\"off\"");
	contract_apply(c);
}

void apply_64_limits_are_in_force_and_one_more_is_refused(void **state)
{
	struct contract *c = contract_open(state);

	for (unsigned int port = 0; port < 64; port++) {
		char id[ID_SIZE], members[128];

		snprintf(id, sizeof(id), "lim_%02u", port);
		snprintf(members, sizeof(members),
			 "\"match\":{\"dst_port\":%u},\"limit\":10,\"interval\":\"1h\"", port);
		limit_set_add(c->set, id, members);
	}
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	assert_true(contract_counts(c, "lim_53").allowed_packets == 10);
	limit_set_add(c->set, "lim_x", TEN ",\"mode\":\"off\"");
	must_be_too_many(c, "65 packet limits are more than 64");
	assert_int_equal(contract_passed(c, 30, 2), 0);
}

/* All slots are taken: those that go must make room for those that come. */
void apply_64_others_replaces_all(void **state)
{
	struct contract *c = contract_open(state);
	struct sluice_counts counts;

	add_many(c, 63, "\"match\":{\"dst_port\":80}," TEN ",\"mode\":\"off\"");
	limit_set_add(c->set, "lim_stays", TEN);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 4, 1), 4);
	for (size_t i = 0; i < 63; i++)
		c->set->own[i].id[0] = 'x';
	contract_apply(c);
	assert_int_equal(datapath_counts(c->datapath, "lim_00", &counts), DATAPATH_E_NOT_FOUND);
	assert_int_equal(datapath_counts(c->datapath, "xim_00", &counts), 0);
	assert_int_equal(contract_passed(c, 30, 1), 6);
}

void apply_same_id_twice_is_an_error(void **state)
{
	struct contract *c = contract_open(state);
	struct field_error error;

	limit_set_add(c->set, "lim_a", TEN);
	limit_set_add(c->set, "lim_a", TEN);
	assert_int_equal(datapath_apply(c->datapath, c->set->limit, c->set->n, &error), -EINVAL);
}

void reopened_goes_on_where_it_was(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	limit_set_add(c->set, "lim_b", "\"limit\":100,\"interval\":\"1h\"");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 6, 1), 6);
	contract_open_again(c, false);
	/* Before anybody applied anything. */
	assert_int_equal(contract_passed(c, 3, 1), 3);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 9);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 1);
	assert_true(contract_counts(c, "lim_a").allowed_packets == 10);
	assert_true(contract_counts(c, "lim_b").allowed_packets == 10);
}

void reopened_cuts_to_a_burst_that_was_changed_meanwhile(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	limit_set_change(c->set, "lim_a", "\"burst\":3");
	contract_open_again(c, false);
	contract_apply(c);
	limit_set_change(c->set, "lim_a", "\"burst\":10");
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 7);
}

void reopened_frees_what_was_deleted_meanwhile(void **state)
{
	struct contract *c = contract_open(state);
	struct sluice_counts counts;

	add_many(c, 64, "\"match\":{\"dst_port\":80}," TEN_EACH ",\"mode\":\"off\"");
	contract_apply(c);
	contract_open_again(c, false);
	limit_set_clear(c->set);
	limit_set_add(c->set, "lim_x", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	assert_int_equal(datapath_counts(c->datapath, "lim_00", &counts), DATAPATH_E_NOT_FOUND);
}

void closed_with_detach_leaves_nothing(void **state)
{
	struct contract *c = contract_open(state);
	struct sluice_counts counts;

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	contract_open_again(c, true);
	assert_int_equal(contract_passed(c, 30, 1), 30);
	assert_int_equal(datapath_counts(c->datapath, "lim_a", &counts), DATAPATH_E_NOT_FOUND);
}

void reset_forgets_what_was_consumed(void **state)
{
	struct contract *c = contract_open(state);

	limit_set_add(c->set, "lim_a", TEN_EACH);
	contract_apply(c);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	assert_int_equal(datapath_reset(c->datapath, "lim_a"), 0);
	assert_int_equal(contract_passed(c, 30, 1), 10);
	assert_int_equal(datapath_reset(c->datapath, "lim_b"), DATAPATH_E_NOT_FOUND);
}
