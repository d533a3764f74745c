/* A histogram of short times in fixed buckets. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "metrics/counters.h"
#include "metrics/exposition.h"

enum {
	TIMES_BOUNDS = 17,              /* buckets but the last, which has no bound */
	TIMES_CELLS = TIMES_BOUNDS + 2, /* of counters: the buckets, and the sum in ns */
};

/* Each bucket by itself, as counted. */
struct times {
	uint64_t buckets[TIMES_BOUNDS + 1];
	uint64_t sum_ns;
};

/* The histogram lies at cells first .. first + TIMES_CELLS - 1. */
void times_add(struct counters *counters, size_t first, uint64_t ns);
void times_read(const struct counters *counters, size_t first, struct times *ret);

/* The samples of histogram `name`, cumulative, with `label` before le. */
void times_write(const struct times *times, const char *name, const struct exposition_label *label,
		 struct exposition *out);
