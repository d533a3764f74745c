/* Bounds how many lines of one kind are logged, by the token bucket that limits everything else. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/algorithm.h>

/* For lines whose number strangers decide. Any thread may ask. */
struct log_bound {
	struct sluice_params params;
	atomic_uint_fast64_t word;
	atomic_uint_fast64_t left_out; /* since a line was let through */
};

void log_bound_init(struct log_bound *bound, uint64_t per_second, uint64_t burst);
/* Whether a line may be written at now_ns (CLOCK_MONOTONIC); it then speaks for *ret_left_out others. */
bool log_bound_admits(struct log_bound *bound, uint64_t now_ns, uint64_t *ret_left_out);
