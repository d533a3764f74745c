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
};

/* How often each key of one round was admitted. */
struct race_round {
	__u32 admitted[LINE_KEYS];
};

struct line_shared {
	struct sluice_params params;
	__u64 random; /* state of a linear congruence */
	__u64 now_ns;
	__u64 admitted;
	__u64 charges; /* of the claim race, by both CPUs */
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
