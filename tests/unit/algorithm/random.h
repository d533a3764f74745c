/* Seeded random numbers for the tests of the algorithms: the same on every run and machine. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * SLUICE_SEED (any number) replaces the seed, SLUICE_LONG=1 runs everything 50 times longer.
 * Each test draws from a stream of its own, so that one test run alone fails as it did in the
 * suite.
 */
struct algo_random {
	uint64_t state;
};

/* A Weyl sequence through a 64-bit finaliser. */
static inline uint64_t algo_random_next(struct algo_random *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

static inline uint64_t algo_random_seed(void)
{
	const char *text = getenv("SLUICE_SEED");

	return text ? strtoull(text, NULL, 10) : 20240607;
}

/* Starts the stream of one test, and says how to repeat it. */
static inline void algo_random_start(struct algo_random *r, const char *test)
{
	r->state = algo_random_seed();
	for (const char *c = test; *c; c++)
		r->state = (r->state ^ (unsigned char)*c) * 0x100000001b3ULL;
	fprintf(stderr, "# %s: SLUICE_SEED=%llu\n", test, (unsigned long long)algo_random_seed());
}

/* Uniform in [0, below); below > 0. */
static inline uint64_t algo_random_below(struct algo_random *r, uint64_t below)
{
	return algo_random_next(r) % below;
}

/* Uniform in [from, to]. */
static inline uint64_t algo_random_between(struct algo_random *r, uint64_t from, uint64_t to)
{
	return from + algo_random_below(r, to - from + 1);
}

/* 1 .. 2^bits - 1, every magnitude equally likely. */
static inline uint64_t algo_random_magnitude(struct algo_random *r, unsigned int bits)
{
	unsigned int width = 1 + (unsigned int)algo_random_below(r, bits);

	return (algo_random_next(r) | 1ULL << 63) >> (64 - width);
}

static inline uint64_t algo_rounds(uint64_t rounds)
{
	const char *text = getenv("SLUICE_LONG");

	return text && text[0] == '1' ? rounds * 50 : rounds;
}
