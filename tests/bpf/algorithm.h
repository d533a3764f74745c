/* One step of the algorithms as a map value, shared by the BPF program and its test. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/algorithm.h>

enum { ALGO_BATCH = 4096 };

/* In: the upper half. Out: what each face answered. Fixed width, no hidden padding. */
struct algo_record {
	struct sluice_params params;
	__u64 word;
	__u64 now_ns;
	__u64 cost;
	__s64 charge;

	__u64 admitted;
	__u64 step_word; /* left alone on refusal */
	__u64 charge_word;
	__u64 idle;
	struct sluice_figures figures;
	__u64 bucket_admitted; /* the token bucket's step alone; untouched for windows */
	__u64 bucket_word;
};

_Static_assert(sizeof(struct algo_record) == 64 + 4 * 8 + 9 * 8, "no hidden padding");
