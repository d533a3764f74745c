/* The steps of an application: their order, and what stays when one of them fails. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
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

/* A backend in memory whose calls are counted, looked into, and made to fail. */
static struct rig {
	struct memory_pins *pins;
	struct datapath *datapath;
	const struct datapath_ops *under;
	struct limit_set *set;
	unsigned int publishes, clears;
	unsigned int failing_publish, failing_clear;      /* 1: the next; 0: none */
	void (*look)(const struct sluice_tables *tables); /* before each publication */
} rig;

static uint64_t fixed_now_ns(void)
{
	return NOW_NS;
}

static int rig_publish(struct datapath *datapath, const struct sluice_tables *tables)
{
	rig.publishes++;
	if (rig.failing_publish && --rig.failing_publish == 0)
		return -EIO;
	if (rig.look)
		rig.look(tables);
	return rig.under->publish(datapath, tables);
}

static int rig_clear_counts(struct datapath *datapath, uint32_t slot)
{
	rig.clears++;
	if (rig.failing_clear && --rig.failing_clear == 0)
		return -EIO;
	return rig.under->clear_counts(datapath, slot);
}

static int setup(void **state)
{
	static struct datapath_ops ops;

	memset(&rig, 0, sizeof(rig));
	rig.set = limit_set_new();
	assert_int_equal(memory_pins_new(LINES, &rig.pins), 0);
	assert_int_equal(datapath_open_memory_at(rig.pins, &rig.datapath), 0);
	rig.under = rig.datapath->ops;
	ops = *rig.under;
	ops.publish = rig_publish;
	ops.clear_counts = rig_clear_counts;
	rig.datapath->ops = &ops;
	rig.datapath->now_ns = fixed_now_ns;
	return 0;
}

static int teardown(void **state)
{
	datapath_close(rig.datapath, false);
	memory_pins_free(rig.pins);
	limit_set_free(rig.set);
	return 0;
}

#define EACH "\"per\":\"src\",\"limit\":10,\"interval\":\"1h\""

static int apply(void)
{
	return datapath_apply(rig.datapath, rig.set->limit, rig.set->n, NULL);
}

static void add_many(size_t n)
{
	char id[ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "lim_%02zu", rig.set->n);
		limit_set_add(rig.set, id, "\"match\":{\"dst_port\":1}," EACH ",\"mode\":\"off\"");
	}
}

static struct sluice_line *lines_of(const char *id)
{
	return &rig.pins->lines[slots_find(rig.pins->slots, id)->line_first];
}

/* Applies what must fail, and compares all that lasts with what was there before. */
static void must_change_nothing(void)
{
	struct sluice_slot slots[SLUICE_RULES_MAX];
	uint32_t published = rig.pins->published;
	struct sluice_counts counts[SLUICE_RULES_MAX];

	memcpy(slots, rig.pins->slots, sizeof(slots));
	memcpy(counts, rig.pins->counts, sizeof(counts));
	assert_int_equal(apply(), -EIO);
	assert_memory_equal(rig.pins->slots, slots, sizeof(slots));
	assert_memory_equal(rig.pins->counts, counts, sizeof(counts));
	assert_int_equal(rig.pins->published, published);
}

static void publish_fails_all_is_as_before(void **state)
{
	limit_set_add(rig.set, "lim_a", EACH);
	limit_set_add(rig.set, "lim_b", EACH);
	assert_int_equal(apply(), 0);
	limit_set_remove(rig.set, "lim_a");
	limit_set_change(rig.set, "lim_b", "\"burst\":3");
	limit_set_add(rig.set, "lim_c", EACH);
	lines_of("lim_b")->word[0] = (uint64_t)NOW_NS << 10;
	rig.failing_publish = 1;
	must_change_nothing();
	assert_true(lines_of("lim_b")->word[0] == (uint64_t)NOW_NS << 10);
	assert_int_equal(apply(), 0);
	assert_null(slots_find(rig.pins->slots, "lim_a"));
}

static void clearing_counts_fails_all_is_as_before(void **state)
{
	limit_set_add(rig.set, "lim_a", EACH);
	assert_int_equal(apply(), 0);
	limit_set_add(rig.set, "lim_b", EACH);
	limit_set_add(rig.set, "lim_c", EACH);
	rig.failing_clear = 2;
	must_change_nothing();
	assert_int_equal(apply(), 0);
}

static void publish_without_those_that_go_fails_all_is_as_before(void **state)
{
	add_many(64);
	assert_int_equal(apply(), 0);
	rig.set->own[7].id[0] = 'x';
	rig.failing_publish = 1;
	must_change_nothing();
	assert_int_equal(apply(), 0);
	assert_non_null(slots_find(rig.pins->slots, "xim_07"));
}

static void publish_of_those_that_come_fails_the_others_stay(void **state)
{
	add_many(63);
	limit_set_add(rig.set, "lim_keep", EACH);
	assert_int_equal(apply(), 0);
	lines_of("lim_keep")->word[0] = 77;
	rig.set->own[7].id[0] = 'x';
	rig.failing_publish = 2;
	assert_int_equal(apply(), -EIO);
	assert_null(slots_find(rig.pins->slots, "lim_07"));
	assert_null(slots_find(rig.pins->slots, "xim_07"));
	assert_non_null(slots_find(rig.pins->slots, "lim_08"));
	assert_true(lines_of("lim_keep")->word[0] == 77);
	assert_true(memory_tables(rig.pins)->rules == 1);
}

/* Nobody waits for a publication that is not needed. */
static void application_publishes_once_where_both_sets_fit(void **state)
{
	add_many(40);
	assert_int_equal(apply(), 0);
	for (size_t i = 0; i < 20; i++)
		rig.set->own[i].id[0] = 'x';
	assert_int_equal(apply(), 0);
	assert_int_equal(rig.publishes, 2);
	assert_int_equal(rig.clears, 60);
}

/* Of "lim_b" comes, "lim_a" goes, "lim_c" changes. */
static void look_at_slots(const struct sluice_tables *tables)
{
	const struct sluice_line *line = lines_of("lim_b");

	for (size_t i = 0; i < 64; i++)
		assert_true(line[i].word[0] == 0);
	assert_non_null(slots_find(rig.pins->slots, "lim_a"));
	assert_true(lines_of("lim_c")->word[0] == (uint64_t)NOW_NS << 20);
	assert_true(slots_find(rig.pins->slots, "lim_c")->params.burst == 10);
	for (size_t i = 0; i < 2; i++) {
		const struct sluice_slot *slot = &rig.pins->slots[tables->rule[i].slot];

		assert_true(slot->line_first == tables->rule[i].line_first);
		assert_true(slot->line_count == tables->rule[i].line_count);
	}
}

static void publication_finds_slots_written_and_nothing_yet_taken_away(void **state)
{
	limit_set_add(rig.set, "lim_a", EACH);
	limit_set_add(rig.set, "lim_c", EACH);
	assert_int_equal(apply(), 0);
	lines_of("lim_c")->word[0] = (uint64_t)NOW_NS << 20;
	for (size_t i = 0; i < LINES; i++)
		if (&rig.pins->lines[i] != lines_of("lim_c"))
			rig.pins->lines[i].word[0] = 5;
	limit_set_remove(rig.set, "lim_a");
	limit_set_change(rig.set, "lim_c", "\"burst\":3");
	limit_set_add(rig.set, "lim_b", EACH);
	rig.look = look_at_slots;
	assert_int_equal(apply(), 0);
	rig.look = NULL;
	assert_null(slots_find(rig.pins->slots, "lim_a"));
	assert_true(slots_find(rig.pins->slots, "lim_c")->params.burst == 3);
	assert_true(lines_of("lim_c")->word[0] ==
		    ((uint64_t)NOW_NS << SLUICE_TICK_SHIFT) + rig.set->limit[0].params.tolerance);
}

static void modes_and_matches_change_neither_slot_nor_lines(void **state)
{
	struct sluice_slot before;

	limit_set_add(rig.set, "lim_a", EACH ",\"mode\":\"off\"");
	limit_set_add(rig.set, "lim_b", EACH);
	assert_int_equal(apply(), 0);
	before = *slots_find(rig.pins->slots, "lim_a");
	lines_of("lim_a")->word[3] = 99;
	limit_set_change(rig.set, "lim_a", "\"mode\":\"enforce\",\"match\":{\"dst_port\":7}");
	assert_int_equal(apply(), 0);
	assert_memory_equal(slots_find(rig.pins->slots, "lim_a"), &before, sizeof(before));
	assert_true(lines_of("lim_a")->word[3] == 99);
	assert_int_equal(rig.clears, 2);
}

static void memory_that_does_not_suffice_is_refused_by_its_option(void **state)
{
	struct field_error error = {0};
	struct memory_pins *pins = NULL;
	struct datapath *small;

	assert_int_equal(memory_pins_new(DATAPATH_LINES_MIN, &pins), 0);
	assert_int_equal(datapath_open_memory_at(pins, &small), 0);
	add_many(17);
	assert_int_equal(datapath_apply(small, rig.set->limit, 16, &error), 0);
	assert_int_equal(datapath_apply(small, rig.set->limit, 17, &error), DATAPATH_E_TOO_MANY);
	assert_non_null(strstr(error.message, "--packet-memory"));
	datapath_close(small, false);
	memory_pins_free(pins);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publish_fails_all_is_as_before),
		TEST(clearing_counts_fails_all_is_as_before),
		TEST(publish_without_those_that_go_fails_all_is_as_before),
		TEST(publish_of_those_that_come_fails_the_others_stay),
		TEST(application_publishes_once_where_both_sets_fit),
		TEST(publication_finds_slots_written_and_nothing_yet_taken_away),
		TEST(modes_and_matches_change_neither_slot_nor_lines),
		TEST(memory_that_does_not_suffice_is_refused_by_its_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
