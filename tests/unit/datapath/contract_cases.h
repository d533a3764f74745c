/* The cases of the contract, and the short forms that they are written in. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "unit/datapath/contract.h"

/* Opens the test's backend and returns its state. */
struct contract *contract_open(void **state);
/* Closes it and opens what is left. */
void contract_open_again(struct contract *c, bool detach);
/* The backend's present time, and its verdict. */
uint64_t contract_now_ns(void);
bool contract_packet(struct contract *c, const void *frame, uint32_t bytes);

/* Each asserts success. */
void contract_apply(struct contract *c);
struct sluice_counts contract_counts(struct contract *c, const char *id);
struct sluice_reasons contract_reasons(struct contract *c);
/* How many pass of n packets of 60 bytes, UDP from 198.51.100.`source` to 192.0.2.1, port 53. */
unsigned int contract_passed(struct contract *c, unsigned int n, uint8_t source);

/* Members of a limit. One token takes six minutes to come back. */
#define TEN_EACH "\"per\":\"src\",\"limit\":10,\"interval\":\"1h\""
#define TEN      "\"limit\":10,\"interval\":\"1h\""

/* clang-format off */
#define CONTRACT_CASES(X) \
	X(apply_nothing_lets_everything_pass) \
	X(apply_limit_holds_each_source_to_it) \
	X(apply_limit_without_per_holds_all_together) \
	X(apply_limit_of_bytes_charges_the_frame) \
	X(apply_other_packets_are_left_alone) \
	X(apply_two_limits_admit_together_or_not_at_all) \
	X(apply_without_a_limit_forgets_it) \
	X(apply_another_limit_leaves_the_first_as_it_is) \
	X(change_of_numbers_keeps_what_was_consumed) \
	X(change_to_smaller_burst_owes_at_most_that) \
	X(change_of_match_keeps_what_was_consumed) \
	X(mode_off_counts_nothing_and_keeps_what_was_consumed) \
	X(mode_shadow_counts_and_never_drops) \
	X(until_the_past_no_longer_holds) \
	X(counts_are_of_packets_and_bytes) \
	X(capacity_says_what_lines_hold_and_how_full_they_are) \
	X(check_changes_nothing) \
	X(apply_seventeenth_limit_on_one_packet_is_refused) \
	X(apply_64_limits_are_in_force_and_one_more_is_refused) \
	X(apply_64_others_replaces_all) \
	X(apply_same_id_twice_is_an_error) \
	X(reopened_goes_on_where_it_was) \
	X(reopened_cuts_to_a_burst_that_was_changed_meanwhile) \
	X(reopened_frees_what_was_deleted_meanwhile) \
	X(closed_with_detach_leaves_nothing) \
	X(reset_forgets_what_was_consumed) \
	X(random_packets_count_for_the_limits_they_match)
/* clang-format on */

#define CONTRACT_DECLARE(name) void name(void **state);
CONTRACT_CASES(CONTRACT_DECLARE)
#undef CONTRACT_DECLARE
