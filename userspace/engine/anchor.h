/* Anchors: the literal text of a pattern that it is filed under, and where keys may have it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/pattern.h"

/*
 * A pattern matches a key only if its anchor stands in the key: at the beginning, at the end, or (up
 * to 8 bytes of a piece between two stars) anywhere. So few patterns need to be matched, whatever they
 * have in common, provided that each has something of its own.
 *
 * Texts are hashed as polynomials modulo 2^61 - 1 at a secret point (Karp and Rabin, 1987): with the
 * sums of all prefixes of a key, the hash of any part of it takes one multiplication.
 */
enum anchor_kind { ANCHOR_PREFIX, ANCHOR_SUFFIX, ANCHOR_INSIDE, ANCHOR_KINDS };
enum { ANCHOR_INSIDE_MAX = 8 };

struct anchor {
	enum anchor_kind kind;
	uint16_t len;  /* 0: the pattern has no literal text there */
	uint64_t hash; /* of kind, tenant, length and text */
};

/* Of the point at which polynomials are evaluated. */
struct anchor_powers {
	uint64_t powers[ENGINE_KEY_MAX + 1];
};

void anchor_init(struct anchor_powers *powers, const uint64_t seed[2]);

/* The sums of all prefixes of the text, which has up to ENGINE_KEY_MAX bytes: len + 1 of them. */
void anchor_sum(const struct anchor_powers *powers, const char *text, size_t len, uint64_t *ret);

/* The hash of an anchor that stands at [at, at + len) of the summed text. */
uint64_t anchor_hash(const struct anchor_powers *powers, const uint64_t *sums, size_t at,
		     const struct anchor *anchor, uint32_t tenant);

/* Shows each anchor that the pattern may have, those that are looked up cheaply first. */
void anchor_each(const struct anchor_powers *powers, const struct pattern *pattern, uint32_t tenant,
		 void (*visit)(const struct anchor *anchor, void *data), void *data);

/* How many patterns are filed under anchors of each length, and which lengths there are. */
struct anchor_lengths {
	uint16_t n;
	uint16_t lengths[ENGINE_KEY_MAX + 1]; /* ascending */
	uint32_t counts[ENGINE_KEY_MAX + 1];  /* by length */
};

void anchor_lengths_add(struct anchor_lengths *lengths, uint16_t len);
void anchor_lengths_remove(struct anchor_lengths *lengths, uint16_t len);
