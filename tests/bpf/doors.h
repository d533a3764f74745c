/* What the programs of doors.bpf.c share with their test. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

enum {
	DOORS_SOURCES = 1 << 23,
	DOORS_READS_MAX = 4096, /* of the clock, in one gap: some 100 us */
};

/* Programs that use it run on one CPU at a time. */
struct doors_shared {
	__u64 gap_ns;         /* in: between packets, at most 50 us; 0: none */
	__u64 last_ns;        /* when the last packet came */
	__u64 exact_word;     /* a plain bucket under the first rule, which sees the same packets */
	__u64 exact_admitted; /* by it */
	__u64 random;         /* state of a linear congruence */
};
