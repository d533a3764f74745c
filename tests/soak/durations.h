/* How long things took: counts by time, each within 3 % of it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

enum { DURATIONS_CELLS = 1024 };

struct durations {
	uint64_t n, max_ns;
	uint64_t cells[DURATIONS_CELLS];
};

void durations_add(struct durations *durations, uint64_t ns);
void durations_merge(struct durations *durations, const struct durations *other);
/* Which one part in a hundred exceeds for part = 99; 0 when there are none. */
uint64_t durations_quantile_ns(const struct durations *durations, unsigned int part);
