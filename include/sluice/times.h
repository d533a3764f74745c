/* A histogram of short times: one table of bounds for whoever counts and whoever shows. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/* Inclusive upper bounds: in ns, and in seconds as Prometheus writes them. */
#define SLUICE_TIMES_BOUNDS(X) \
	X(50, "0.00000005")    \
	X(100, "0.0000001")    \
	X(200, "0.0000002")    \
	X(500, "0.0000005")    \
	X(1000, "0.000001")    \
	X(2000, "0.000002")    \
	X(5000, "0.000005")    \
	X(10000, "0.00001")    \
	X(20000, "0.00002")    \
	X(50000, "0.00005")    \
	X(100000, "0.0001")    \
	X(200000, "0.0002")    \
	X(500000, "0.0005")    \
	X(1000000, "0.001")    \
	X(2000000, "0.002")    \
	X(5000000, "0.005")    \
	X(10000000, "0.01")    \
	X(50000000, "0.05")    \
	X(100000000, "0.1")    \
	X(1000000000, "1")

/* How many there are. */
enum {
#define SLUICE_TIMES_BOUND_OF(ns, seconds) SLUICE_TIMES_BOUND_##ns,
	SLUICE_TIMES_BOUNDS(SLUICE_TIMES_BOUND_OF)
#undef SLUICE_TIMES_BOUND_OF
		SLUICE_TIMES_N,
};

/* Each bucket by itself; the last has no bound. */
struct sluice_times {
	__u64 buckets[SLUICE_TIMES_N + 1];
	__u64 sum_ns;
};
