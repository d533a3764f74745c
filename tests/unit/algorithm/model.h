/* The limits by their definitions, in arbitrary precision: what <sluice/algorithm.h> must equal. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <gmp.h>

#include <sluice/algorithm.h>

/*
 * A token bucket is a level of rational tokens that grows with time and is cut off at its
 * capacity. Windows are a map from the full window number to a count. Neither knows ticks of
 * arrival, packed fields or rounding other than what is promised: a cost takes whole ticks.
 *
 * When time goes back, a bucket has what it had then, less what was taken since; windows stay at
 * the latest one written to, seen from its beginning.
 */
enum algo_verdict {
	ALGO_REFUSE,
	ALGO_ADMIT,
	ALGO_EITHER, /* the scaled weights of a long sliding window may fall on both sides */
};

struct algo_model_window {
	__u64 number;
	__u64 count;
};

struct algo_model {
	const struct sluice_params *params;

	/* token bucket */
	mpq_t level; /* tokens at at_ns; above the capacity: full already earlier */
	__u64 at_ns;
	mpq_t capacity;
	mpq_t tick; /* tokens that one tick brings */

	/* windows */
	struct algo_model_window *windows; /* ascending */
	size_t windows_len;
	size_t windows_cap;
	bool written;
	__u64 latest;

	mpq_t scratch[3];
	mpz_t whole[3];
};

/* Borrows p until done. */
void algo_model_init(struct algo_model *m, const struct sluice_params *p);
void algo_model_done(struct algo_model *m);
/* Back to a bucket never used. */
void algo_model_clear(struct algo_model *m);

enum algo_verdict algo_model_judge(struct algo_model *m, __u64 now_ns, __u64 cost);
/* Takes what judge did not refuse. */
void algo_model_admit(struct algo_model *m, __u64 now_ns, __u64 cost);
void algo_model_charge(struct algo_model *m, __u64 stamp_ns, __s64 cost);
/* Whether the word says what the model says. */
bool algo_model_equals(struct algo_model *m, __u64 word, __u64 now_ns);
/* Whether the word's last write is so long ago that its packed window number is ambiguous. */
bool algo_model_stale(const struct algo_model *m, __u64 now_ns);
