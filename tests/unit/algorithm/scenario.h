/* Random limits, costs and times that lean towards the edges, shared by the algorithm's tests. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/algorithm.h>
#include <sluice/params.h>

#include "unit/algorithm/random.h"

#define ALGO_S    1000000000ULL
#define ALGO_DAY  (86400 * ALGO_S)
#define ALGO_YEAR (365 * ALGO_DAY)
/* The latest time tests use: later than any uptime, and a full bucket still fits the word. */
#define ALGO_NOW_MAX (15 * ALGO_YEAR)

/* Fails the running cmocka test with numbers in the message. */
#define algo_check(condition, ...)                                                  \
	do {                                                                        \
		if (!(condition)) {                                                 \
			print_error("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			print_error(__VA_ARGS__);                                   \
			print_error("\n");                                          \
			fail();                                                     \
		}                                                                   \
	} while (0)

/* A limit that must compile; burst 0 means: as the limit. UTC offset 0, cost_min 1. */
struct sluice_params algo_params(enum sluice_algorithm algorithm, __u64 limit, __u64 burst,
				 __u64 interval_ns);

/* The same in bytes: cost_min 64, so fractions of a tick are kept where they matter. */
struct sluice_params algo_params_bytes(__u64 limit, __u64 burst, __u64 interval_ns);

/* Any limit that compiles: all magnitudes, round and crooked numbers, any UTC offset. */
struct sluice_params algo_params_random(struct algo_random *r, enum sluice_algorithm algorithm);

/* 0, 1, burst, burst + 1, huge, and anything between. */
__u64 algo_cost_random(struct algo_random *r, const struct sluice_params *p);

/* Standing still, single ns, tokens, window edges, whole bursts, years, and back. */
__u64 algo_now_random(struct algo_random *r, __u64 now_ns, const struct sluice_params *p);

/* A word that some history could have left at about now_ns. */
__u64 algo_word_random(struct algo_random *r, __u64 now_ns, const struct sluice_params *p);
