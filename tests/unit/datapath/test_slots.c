/* Slots: what adoption believes, what a burst cuts, and how saturation is seen. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/memory_priv.h"
#include "datapath/slots_priv.h"
#include "unit/datapath/limit_set.h"

enum { LINES = 4096, NOW_NS = 1000000000 };

static uint64_t fixed_now_ns(void)
{
	return NOW_NS;
}

static struct memory_pins *pins;
static struct datapath *datapath;

static int setup(void **state)
{
	assert_int_equal(memory_pins_new(LINES, &pins), 0);
	assert_int_equal(datapath_open_memory_at(pins, &datapath), 0);
	datapath->now_ns = fixed_now_ns;
	return 0;
}

static int teardown(void **state)
{
	datapath_close(datapath, false);
	memory_pins_free(pins);
	return 0;
}

static void put(size_t i, const char *id, uint32_t first, uint32_t count)
{
	snprintf(pins->slots[i].id, sizeof(pins->slots[i].id), "%s", id);
	pins->slots[i].line_first = first;
	pins->slots[i].line_count = count;
}

static void adopt_whole_slots_stay(void **state)
{
	put(0, "lim_a", 0, 1);
	put(5, "lim_b", 1, 1);
	put(63, "lim_c", 64, 64);
	put(7, "lim_d", 2048, 2048);
	assert_int_equal(datapath_adopt(datapath), 0);
	assert_string_equal(pins->slots[63].id, "lim_c");
}

static void adopt_damaged_slots_go_alone(void **state)
{
	put(0, "lim_a", 64, 64);
	put(1, "lim_b", 128, 96);  /* no power of two */
	put(2, "lim_c", 32, 64);   /* not at a multiple */
	put(3, "lim_d", 4096, 64); /* outside */
	put(4, "lim_e", 2048, 4096);
	put(5, "lim_f", 512, 0);
	put(6, "lim_g", UINT32_MAX - 63, 64);
	memset(pins->slots[7].id, 'x', sizeof(pins->slots[7].id));
	pins->slots[7].line_count = 1;
	assert_int_equal(datapath_adopt(datapath), 7);
	assert_string_equal(pins->slots[0].id, "lim_a");
	for (size_t i = 1; i < SLUICE_RULES_MAX; i++)
		assert_memory_equal(&pins->slots[i], &(struct sluice_slot){0},
				    sizeof(struct sluice_slot));
}

static void adopt_slots_that_contradict_each_other_both_go(void **state)
{
	put(0, "lim_a", 0, 128);
	put(1, "lim_b", 64, 64);
	put(2, "lim_c", 512, 64);
	put(3, "lim_c", 1024, 64);
	put(4, "lim_d", 256, 64);
	assert_int_equal(datapath_adopt(datapath), 4);
	assert_string_equal(pins->slots[4].id, "lim_d");
}

/* Every word of the range and none beside it. */
static void cap_lowers_what_exceeds_the_tolerance(void **state)
{
	const uint64_t now = (uint64_t)NOW_NS << SLUICE_TICK_SHIFT, most = now + 500;

	put(0, "lim_a", 64, 64);
	for (size_t i = 0; i < LINES; i++)
		for (size_t j = 0; j < SLUICE_LINE_SLOTS; j++)
			pins->lines[i].word[j] = now + (j % 2 ? 499 : 501);
	slots_cap(datapath, &pins->slots[0], 500);
	for (size_t i = 0; i < LINES; i++)
		for (size_t j = 0; j < SLUICE_LINE_SLOTS; j++)
			assert_true(pins->lines[i].word[j] == (j % 2              ? now + 499 :
							       i >= 64 && i < 128 ? most :
										    now + 501));
}

static void capacity_full_is_the_share_of_lines_in_which_newcomers_inherit(void **state)
{
	_cleanup_limit_set_ struct limit_set *set = limit_set_new();
	struct datapath_capacity capacity;
	struct sluice_line *lines;
	uint32_t count;

	limit_set_add(set, "lim_a", "\"per\":\"src\",\"limit\":10,\"interval\":\"1s\"");
	assert_int_equal(datapath_apply(datapath, set->limit, 1, NULL), 0);
	lines = &pins->lines[pins->slots[0].line_first];
	count = pins->slots[0].line_count;
	for (uint32_t i = 0; i < count; i++) {
		for (size_t j = 0; j < SLUICE_LINE_SLOTS; j++)
			lines[i].word[j] = ((uint64_t)NOW_NS << SLUICE_TICK_SHIFT) + 1;
		/* Of four lines one has an idle slot, and one an idle key that has settled. */
		if (i % 4 == 1)
			lines[i].word[4] = 1;
		if (i % 4 == 2) {
			lines[i].word[4] = 1;
			lines[i].spare = SLUICE_LINE_SETTLED << 4;
		}
	}
	assert_int_equal(datapath_capacity(datapath, "lim_a", NOW_NS, &capacity), 0);
	assert_true(capacity.full == 0.75);
	assert_true(capacity.keys == 5 * count);
	assert_true(capacity.spoofed_pps == 25 * count);
	assert_int_equal(datapath_capacity(datapath, "lim_a", NOW_NS + 1000, &capacity), 0);
	assert_true(capacity.full == 0);
}

/* The unit is known once the limit was applied here: before, T and with it the rate are not. */
static void capacity_before_the_first_application_is_unknown(void **state)
{
	struct datapath_capacity capacity;

	put(0, "lim_a", 64, 64);
	assert_int_equal(datapath_capacity(datapath, "lim_a", NOW_NS, &capacity),
			 DATAPATH_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adopt_whole_slots_stay),
		TEST(adopt_damaged_slots_go_alone),
		TEST(adopt_slots_that_contradict_each_other_both_go),
		TEST(cap_lowers_what_exceeds_the_tolerance),
		TEST(capacity_full_is_the_share_of_lines_in_which_newcomers_inherit),
		TEST(capacity_before_the_first_application_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
