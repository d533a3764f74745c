/* The busiest keys of one limit, in bounded memory whatever the number of keys. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

/*
 * Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements
 * in Data Streams, ICDT 2005), with weights: a key that has no counter takes the one of the least
 * count and inherits that count as its error. So with T the weight of all that was added,
 *
 *     allowed + denied  <=  the key's true weight  <=  count = error + allowed + denied,
 *     error <= T / HEAVY_KEYS, and every key of more than T / HEAVY_KEYS has a counter.
 *
 * All figures may be faded alike, which changes nothing of that: they are of a sliding time then.
 */
enum { HEAVY_KEYS = 64 };

struct heavy_key {
	double count;
	double error;
	double allowed; /* what was seen since it has the counter */
	double denied;
	uint64_t hash;
	size_t len;
	char text[ENGINE_KEY_MAX];
};

/* Zeroed memory is empty. */
struct heavy {
	size_t n;
	struct heavy_key keys[HEAVY_KEYS];
};

/* Any hash of the key, always the same: it only spares comparing texts. */
void heavy_add(struct heavy *heavy, const char *key, size_t len, uint64_t hash, double weight,
	       bool denied);
/* Multiplies every figure. */
void heavy_fade(struct heavy *heavy, double by);
/* The up to n keys with most that was surely seen, the most first, and how many. */
size_t heavy_top(const struct heavy *heavy, const struct heavy_key **ret, size_t n);
