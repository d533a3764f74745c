/* Ranges of lines against a bitmap: none meets another, and the largest that fits is found. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/datapath_priv.h"
#include "unit/datapath/limit_set.h"

enum { LINES_MOST = 4096 };

struct model {
	uint32_t n_lines;
	struct sluice_slot slots[SLUICE_RULES_MAX];
	bool taken[LINES_MOST];
};

static void set_taken(struct model *m, const struct sluice_slot *slot, bool taken)
{
	for (uint32_t i = 0; i < slot->line_count; i++) {
		assert_int_equal(m->taken[slot->line_first + i], !taken);
		m->taken[slot->line_first + i] = taken;
	}
}

static bool is_free(const struct model *m, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		if (m->taken[i])
			return false;
	return true;
}

/* The largest power of two up to `want` that lies free at a multiple of itself; 0: none. */
static uint32_t largest(const struct model *m, uint32_t want)
{
	for (uint32_t count = want; count > 0; count /= 2)
		for (uint32_t first = 0; first + count <= m->n_lines; first += count)
			if (is_free(m, first, count))
				return count;
	return 0;
}

static void take(struct model *m, size_t i, uint32_t want, uint32_t least)
{
	struct sluice_slot *slot = &m->slots[i];
	uint32_t first = 7, count = 7, most = largest(m, want);
	int r = region_find(m->slots, m->n_lines, want, least, &first, &count);

	if (most < least) {
		assert_int_equal(r, -ENOSPC);
		assert_true(first == 7 && count == 7);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(count, most);
	assert_int_equal(first % count, 0);
	assert_true(first + count <= m->n_lines);
	slot->id[0] = 'x';
	slot->line_first = first;
	slot->line_count = count;
	set_taken(m, slot, true);
}

static void give_back(struct model *m, size_t i)
{
	set_taken(m, &m->slots[i], false);
	m->slots[i] = (struct sluice_slot){0};
}

static void check_free(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n_lines; i++)
		n += !m->taken[i];
	assert_int_equal(region_free(m->slots, m->n_lines), n);
}

static void run(struct algo_random *random, uint32_t n_lines)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.n_lines = n_lines;
	for (int step = 0; step < 400; step++) {
		size_t i = algo_random_below(random, SLUICE_RULES_MAX);
		uint32_t want = 1U << algo_random_below(random, 11);

		if (m.slots[i].id[0] != '\0')
			give_back(&m, i);
		else
			take(&m, i, want, want > 64 ? 64 : want);
		check_free(&m);
	}
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (m.slots[i].id[0] != '\0')
			give_back(&m, i);
	/* All has joined again. */
	take(&m, 0, largest(&m, LINES_MOST), 1);
	assert_true(m.slots[0].line_count > n_lines / 2);
}

static void regions_random_steps_agree_with_a_bitmap(void **state)
{
	struct algo_random random;

	algo_random_start(&random, __func__);
	for (uint64_t round = 0; round < algo_rounds(20); round++) {
		run(&random, LINES_MOST);
		run(&random, (uint32_t)algo_random_between(&random, 1024, LINES_MOST));
	}
}

/* The single line breaks one block; what is small goes beside it, and the other half stays whole. */
static void regions_small_ones_do_not_break_large_blocks(void **state)
{
	static struct model m = {.n_lines = 4096};

	take(&m, 0, 2048, 64);
	take(&m, 1, 1, 1);
	take(&m, 2, 1, 1);
	take(&m, 3, 64, 64);
	give_back(&m, 0);
	take(&m, 4, 128, 64);
	take(&m, 5, 64, 64);
	take(&m, 6, 2048, 64);
	assert_int_equal(m.slots[6].line_count, 2048);
}

struct want {
	const char *members;
	uint32_t n_free;
	uint32_t n_reserved;
	uint32_t lines;
};

/* 2 * 1e7 * T / 5 lines: T is the time of one packet, or of 64 bytes. */
static void regions_wants_are_by_rate_and_bounded(void **state)
{
	static const struct want wants[] = {
		{"\"limit\":1,\"interval\":\"1s\"", 1 << 18, 0, 1},
		{"\"per\":\"src\",\"limit\":1000000,\"interval\":\"1s\"", 1 << 18, 0, 64},
		{"\"per\":\"src\",\"limit\":10000,\"interval\":\"1s\"", 1 << 18, 0, 512},
		{"\"per\":\"src\",\"limit\":1000,\"interval\":\"1s\"", 1 << 18, 0, 4096},
		{"\"per\":\"src\",\"limit\":976,\"interval\":\"1s\"", 1 << 18, 0, 8192},
		{"\"per\":\"src\",\"unit\":\"bytes\",\"limit\":64000,\"interval\":\"1s\"", 1 << 18,
		 0, 4096},
		{"\"per\":\"src\",\"limit\":1,\"interval\":\"365d\"", 1 << 18, 0, 1 << 16},
		{"\"per\":\"src\",\"limit\":1,\"interval\":\"1h\"", (1 << 18) - 1, 0, 1 << 15},
		{"\"per\":\"src\",\"limit\":1,\"interval\":\"1h\"", 4096, 4032, 64},
		{"\"per\":\"src\",\"limit\":1,\"interval\":\"1h\"", 4096, 3584, 512},
		{"\"per\":\"src\",\"limit\":1,\"interval\":\"1h\"", 10, 0, 64},
	};
	_cleanup_limit_set_ struct limit_set *set = limit_set_new();

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		const struct want *want = &wants[i];
		uint32_t lines;

		limit_set_clear(set);
		lines = region_want(limit_set_add(set, "lim_a", want->members), want->n_free,
				    want->n_reserved);
		if (lines != want->lines)
			fail_msg("%s: %u, not %u", want->members, lines, want->lines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_random_steps_agree_with_a_bitmap),
		cmocka_unit_test(regions_small_ones_do_not_break_large_blocks),
		cmocka_unit_test(regions_wants_are_by_rate_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
