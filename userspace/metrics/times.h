/* A histogram of short times in fixed buckets. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/times.h>

#include "metrics/counters.h"
#include "metrics/exposition.h"

enum {
	TIMES_CELLS = SLUICE_TIMES_N + 2, /* of counters: the buckets, and the sum in ns */
};

/* The histogram lies at cells first .. first + TIMES_CELLS - 1. */
void times_add(struct counters *counters, size_t first, uint64_t ns);
void times_read(const struct counters *counters, size_t first, struct sluice_times *ret);

/* The samples of histogram `name`, cumulative, with `label` before le. */
void times_write(const struct sluice_times *times, const char *name,
		 const struct exposition_label *label, struct exposition *out);
