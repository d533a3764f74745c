/* A bucket line on one thread against plain buckets, one for each key. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/line.h>

enum {
	START = 1000000000,
	TOKEN_NS = 1000,
	BURST = 10,
	STEPS = 200000,
	KEYS = 8,
};

static struct sluice_params bucket_params(__u64 burst)
{
	return (struct sluice_params){
		.limit = 1000000000 / TOKEN_NS,
		.burst = burst,
		.interval_ns = 1000000000,
		.mult = (__u64)TOKEN_NS << SLUICE_TICK_SHIFT,
		.tolerance = (burst * TOKEN_NS) << SLUICE_TICK_SHIFT,
		.cost_max = burst,
	};
}

static __u64 ticks_at(__u64 now_ns)
{
	return now_ns << SLUICE_TICK_SHIFT;
}

static int charge_key(struct sluice_line *line, __u32 tag, __u64 now, const struct sluice_params *p)
{
	struct sluice_ask ask = {.now_ns = now, .cost = 1, .tag = tag};
	struct sluice_slip slip = {0};

	return sluice_line_charge(line, &ask, p, &slip);
}

/* Five keys, each owing `tokens`. */
static void fill_line(struct sluice_line *line, __u64 tokens)
{
	memset(line, 0, sizeof(*line));
	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++) {
		line->tag[i] = i + 1;
		line->word[i] = ticks_at(START + tokens * TOKEN_NS);
	}
}

static void line_five_keys_equals_plain_buckets(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line = {0};
	__u64 plain[SLUICE_LINE_SLOTS] = {0};
	__u64 now = START;

	srandom(1);
	for (int i = 0; i < STEPS; i++) {
		__u32 key = (__u32)random() % SLUICE_LINE_SLOTS;
		struct sluice_ask ask = {.cost = 1 + (__u64)random() % (BURST + 1), .tag = key + 1};
		struct sluice_slip slip = {0};
		int expected;

		now += (__u64)random() % (3 * TOKEN_NS);
		ask.now_ns = now;
		expected = !sluice_step(plain[key], now, ask.cost, &p, &plain[key]);
		assert_int_equal(sluice_line_refuses(&line, &ask, &p), expected);
		assert_int_equal(sluice_line_charge(&line, &ask, &p, &slip), expected);
		if (!expected)
			assert_true(line.word[slip.slot] == plain[key]);
	}
}

/* The only thing a line forgets is what a victim owed above half a burst. */
static void line_more_keys_than_slots_never_admits_what_a_plain_bucket_refuses(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line = {0};
	__u64 plain[KEYS] = {0};
	__u64 now = START;

	srandom(2);
	for (int i = 0; i < STEPS; i++) {
		__u32 key = (__u32)random() % KEYS;
		struct sluice_line before = line;
		struct sluice_ask ask = {.cost = 1, .tag = key + 1};
		struct sluice_slip slip = {0};

		now += (__u64)random() % (TOKEN_NS / 2);
		ask.now_ns = now;
		if (sluice_line_charge(&line, &ask, &p, &slip) != SLUICE_LINE_ADMITTED)
			continue;
		assert_true(sluice_step(plain[key], now, 1, &p, &plain[key]));
		if (before.tag[slip.slot] && before.tag[slip.slot] != ask.tag) {
			__u64 *lost = &plain[before.tag[slip.slot] - 1];

			*lost = sluice_line_inherit(*lost, now, &p);
		}
	}
}

static void line_full_of_debt_newcomer_inherits_the_least(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line;

	fill_line(&line, 4);
	line.word[3] = ticks_at(START + 3 * TOKEN_NS);
	assert_int_equal(charge_key(&line, 9, START, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(line.tag[3], 9);
	assert_true(line.word[3] == ticks_at(START + 4 * TOKEN_NS));
	assert_int_equal(line.spare, 0);
}

static void line_full_of_debt_newcomer_has_half_a_burst(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line;
	int admitted = 0;

	fill_line(&line, BURST);
	while (charge_key(&line, 9, START, &p) == SLUICE_LINE_ADMITTED)
		admitted++;
	assert_int_equal(admitted, BURST / 2);
}

static void line_burst_of_one_newcomer_waits_for_an_idle_slot(void **state)
{
	struct sluice_params p = bucket_params(1);
	struct sluice_line line;

	fill_line(&line, 1);
	assert_int_equal(charge_key(&line, 9, START + TOKEN_NS - 1, &p), SLUICE_LINE_REFUSED);
	assert_int_equal(charge_key(&line, 9, START + TOKEN_NS, &p), SLUICE_LINE_ADMITTED);
}

static void line_refund_after_the_slot_was_claimed_leaves_the_claimers_charge(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_ask ask = {.now_ns = START, .cost = 2, .tag = 9};
	struct sluice_slip slip = {0};
	struct sluice_line line;

	fill_line(&line, 4);
	line.word[2] = 0;
	assert_int_equal(sluice_line_charge(&line, &ask, &p, &slip), SLUICE_LINE_ADMITTED);
	assert_int_equal(charge_key(&line, 10, START, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(line.tag[2], 10);
	sluice_line_refund(&line, &slip);
	assert_true(line.word[2] == ticks_at(START + TOKEN_NS));
}

static void line_refund_past_zero_is_forgone(void **state)
{
	struct sluice_line line = {.word = {5}};

	sluice_line_refund(&line, &(struct sluice_slip){.ticks = 6});
	assert_true(line.word[0] == 5);
}

static void line_stuck_lock_refuses_newcomers_and_serves_hits(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line;

	fill_line(&line, 0);
	line.spare = SLUICE_LINE_LOCKED;
	assert_int_equal(charge_key(&line, 9, START, &p), SLUICE_LINE_BUSY);
	assert_int_equal(charge_key(&line, 1, START, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(line.spare, SLUICE_LINE_LOCKED);
}

static void line_cost_above_burst_is_refused(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_ask ask = {.now_ns = START, .cost = ~0ULL, .tag = 9};
	struct sluice_line line = {0};
	struct sluice_slip slip = {0};

	assert_int_equal(sluice_line_charge(&line, &ask, &p, &slip), SLUICE_LINE_REFUSED);
	assert_true(sluice_line_refuses(&line, &ask, &p));
}

static void line_index_stays_in_the_range_and_reaches_its_ends(void **state)
{
	assert_int_equal(sluice_line_index(0, 7, 1000), 7);
	assert_int_equal(sluice_line_index(~0ULL, 7, 1000), 1006);
	assert_int_equal(sluice_line_index(~0ULL, 7, 1), 7);
	assert_int_equal(sluice_line_tag(1ULL << 32), 1);
}

/* A key that comes back with its debt paid, to a line with another idle slot. */
static void line_key_that_came_back_in_calm_keeps_its_slot_in_a_flood(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line = {0};
	__u64 now = START, plain = 0;

	assert_int_equal(charge_key(&line, 9, now, &p), SLUICE_LINE_ADMITTED);
	now += 10 * TOKEN_NS;
	assert_int_equal(charge_key(&line, 9, now, &p), SLUICE_LINE_ADMITTED);
	plain = ticks_at(now + TOKEN_NS);
	for (__u32 i = 0; i < 1000; i++)
		charge_key(&line, 100 + i, now + i, &p);
	assert_int_equal(sluice_line_find(&line, 9), 0);
	assert_true(line.word[0] == plain);
	/* The flood has left it a whole burst but for what it used. */
	now += 10 * TOKEN_NS;
	for (int i = 0; i < BURST; i++)
		assert_int_equal(charge_key(&line, 9, now, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(charge_key(&line, 9, now, &p), SLUICE_LINE_REFUSED);
}

static void line_settles_two_keys_and_no_third(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line = {0};
	__u64 now = START;

	for (int round = 0; round < 3; round++) {
		for (__u32 key = 1; key <= 3; key++)
			charge_key(&line, key, now, &p);
		now += 10 * TOKEN_NS;
	}
	assert_int_equal(__builtin_popcount(line.spare), 2);
	assert_int_equal(line.spare & SLUICE_LINE_LOCKED, 0);
}

static void line_key_that_comes_back_in_a_flood_does_not_settle(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	struct sluice_line line;

	fill_line(&line, 4);
	line.word[2] = ticks_at(START - 1);
	assert_int_equal(charge_key(&line, 3, START, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(line.spare, 0);
}

static void line_settled_key_gone_for_long_gives_its_slot_to_a_newcomer(void **state)
{
	struct sluice_params p = bucket_params(BURST);
	__u64 now = START + SLUICE_LINE_SETTLED_NS;
	struct sluice_line line;

	fill_line(&line, 4);
	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++)
		line.word[i] += ticks_at(SLUICE_LINE_SETTLED_NS);
	line.spare = (__u32)SLUICE_LINE_SETTLED << 3;
	line.word[3] = ticks_at(START + 1);
	assert_int_equal(charge_key(&line, 9, now, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(sluice_line_find(&line, 4), 3);
	line.word[3] = ticks_at(START);
	assert_int_equal(charge_key(&line, 10, now, &p), SLUICE_LINE_ADMITTED);
	assert_int_equal(line.tag[3], 10);
	/* It owes what a key that the flood evicted may owe, and is not settled itself. */
	assert_true(line.word[3] == ticks_at(now + 5 * TOKEN_NS));
	assert_int_equal(line.spare, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_five_keys_equals_plain_buckets),
		cmocka_unit_test(
			line_more_keys_than_slots_never_admits_what_a_plain_bucket_refuses),
		cmocka_unit_test(line_full_of_debt_newcomer_inherits_the_least),
		cmocka_unit_test(line_full_of_debt_newcomer_has_half_a_burst),
		cmocka_unit_test(line_burst_of_one_newcomer_waits_for_an_idle_slot),
		cmocka_unit_test(line_refund_after_the_slot_was_claimed_leaves_the_claimers_charge),
		cmocka_unit_test(line_refund_past_zero_is_forgone),
		cmocka_unit_test(line_stuck_lock_refuses_newcomers_and_serves_hits),
		cmocka_unit_test(line_cost_above_burst_is_refused),
		cmocka_unit_test(line_index_stays_in_the_range_and_reaches_its_ends),
		cmocka_unit_test(line_key_that_came_back_in_calm_keeps_its_slot_in_a_flood),
		cmocka_unit_test(line_settles_two_keys_and_no_third),
		cmocka_unit_test(line_key_that_comes_back_in_a_flood_does_not_settle),
		cmocka_unit_test(line_settled_key_gone_for_long_gives_its_slot_to_a_newcomer),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
