/* Gives each limit its own range of bucket lines: a buddy system that is read off the slots. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "datapath/datapath_priv.h"

/*
 * No record but the slots says what is free, so none can contradict them. A free block is one that
 * lies within the lines, meets no slot's range, and whose double does not: so neighbours join by
 * themselves, and 64 slots leave at most some hundred blocks to look at.
 */

enum {
	WANT_LEAST = 64,
	/*
	 * 10 Mpps of fresh keys, each in debt for T = ticks / 32e9 s, are 1e7 * T keys at once; twice
	 * as many slots are 2e7 * ticks / 32e9 = ticks / 1600.
	 */
	TICKS_PER_LINE = 1600 * SLUICE_LINE_SLOTS,
};

struct search {
	const struct sluice_slot *slots;
	uint32_t n_lines;
	uint32_t want;
	uint64_t first; /* the best block so far */
	uint64_t count; /* 0: none */
};

/* Whether `a` serves better than what was found: the smallest that suffices, else the largest. */
static bool is_better(const struct search *search, uint64_t count)
{
	if (search->count >= search->want)
		return count >= search->want && count < search->count;
	return count > search->count;
}

enum overlap { OVERLAP_NONE, OVERLAP_PART, OVERLAP_WHOLE };

static enum overlap overlap_of(const struct search *search, uint64_t first, uint64_t count)
{
	enum overlap overlap = first + count > search->n_lines ? OVERLAP_PART : OVERLAP_NONE;

	if (first >= search->n_lines)
		return OVERLAP_WHOLE;
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		const struct sluice_slot *slot = &search->slots[i];
		uint64_t end = (uint64_t)slot->line_first + slot->line_count;

		if (slot->id[0] == '\0' || end <= first || slot->line_first >= first + count)
			continue;
		if (slot->line_first <= first && end >= first + count)
			return OVERLAP_WHOLE;
		overlap = OVERLAP_PART;
	}
	return overlap;
}

static void visit(struct search *search, uint64_t first, uint64_t count)
{
	enum overlap overlap = overlap_of(search, first, count);

	if (overlap == OVERLAP_WHOLE)
		return;
	if (overlap == OVERLAP_PART) {
		visit(search, first, count / 2);
		visit(search, first + count / 2, count / 2);
		return;
	}
	if (is_better(search, count)) {
		search->first = first;
		search->count = count;
	}
}

static uint64_t round_up(uint64_t value)
{
	uint64_t power = 1;

	while (power < value)
		power *= 2;
	return power;
}

uint32_t region_free(const struct sluice_slot *slots, uint32_t n_lines)
{
	uint32_t n = n_lines;

	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (slots[i].id[0] != '\0')
			n -= slots[i].line_count;
	return n;
}

uint32_t region_want(const struct datapath_limit *limit, uint32_t n_free, uint32_t n_reserved)
{
	uint64_t want = datapath_ticks(limit) / TICKS_PER_LINE + 1;

	if (limit->limit->match->per == SLUICE_PER_ALL)
		return 1;
	want = round_up(want);
	while (want > WANT_LEAST && (want > n_free / 4 || want + n_reserved > n_free))
		want /= 2;
	return want < WANT_LEAST ? WANT_LEAST : (uint32_t)want;
}

int region_find(const struct sluice_slot *slots, uint32_t n_lines, uint32_t want, uint32_t least,
		uint32_t *ret_first, uint32_t *ret_count)
{
	struct search search = {.slots = slots, .n_lines = n_lines, .want = want};

	visit(&search, 0, round_up(n_lines));
	if (search.count < least)
		return -ENOSPC;
	*ret_first = (uint32_t)search.first;
	*ret_count = search.count < want ? (uint32_t)search.count : want;
	return 0;
}
