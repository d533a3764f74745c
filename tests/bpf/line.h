/* What the programs of line.bpf.c share with their test. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/line.h>

enum {
	LINE_COUNT = 1 << 16, /* one for each round of the claim race */
	LINE_KEYS = 8,
	TOKEN_NS = 10000,
	RACE_KEYS = 5, /* of one round: as many as a line has slots */
	RACE_BURST = 4,
	RACE_CHARGES = 64, /* of one round, by both CPUs */
	DUEL_BURST = 8,
	DUEL_DEBT = DUEL_BURST / 2, /* of each slot at first: no more is inherited */
	DUEL_HITS = DUEL_BURST - DUEL_DEBT + 2,
	DUEL_SPINS = 4096, /* until the other CPU is taken for gone */
	DUEL_DELAYS = 64,
	DUEL_HITTER = 1, /* tags */
	DUEL_CLAIMER = 9,
};

/* How often each key of one round was admitted. */
struct race_round {
	__u32 admitted[LINE_KEYS];
};

/* One CPU of the duel, on a cache line of its own. */
struct line_duellist {
	__u64 rounds; /* begun */
	__u64 spare[7];
} __attribute__((aligned(64)));

struct line_shared {
	struct sluice_params params;
	__u64 random; /* state of a linear congruence */
	__u64 now_ns;
	__u64 admitted;
	__u64 charges;                    /* of the claim race, by both CPUs */
	struct line_duellist duellist[2]; /* by CPU */
};

static __always_inline void line_draw(struct line_shared *s, struct sluice_ask *ret)
{
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	s->now_ns += (s->random >> 33) & 511;
	ret->now_ns = s->now_ns;
	ret->cost = 1 + ((s->random >> 50) & 1);
	ret->tag = 1 + ((s->random >> 55) & (LINE_KEYS - 1));
	ret->spare = 0;
}
