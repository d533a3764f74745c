/* Hashes the literal texts of patterns, and parts of keys alike. */
/* SPDX-License-Identifier: MIT */

#include "engine/anchor.h"

static const uint64_t prime = (1ULL << 61) - 1;

/* Of numbers below 2^61; so is the result. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t sum = ((uint64_t)product & prime) + (uint64_t)(product >> 61);

	return sum >= prime ? sum - prime : sum;
}

void anchor_init(struct anchor_powers *powers, const uint64_t seed[2])
{
	/* Neither 0 nor 1, which are no points to evaluate at. */
	uint64_t point = 2 + (seed[0] ^ seed[1] >> 3) % (prime - 2);

	powers->powers[0] = 1;
	for (size_t i = 1; i <= ENGINE_KEY_MAX; i++)
		powers->powers[i] = multiply(powers->powers[i - 1], point);
}

void anchor_sum(const struct anchor_powers *powers, const char *text, size_t len, uint64_t *ret)
{
	ret[0] = 0;
	for (size_t i = 0; i < len; i++) {
		uint64_t sum = multiply(ret[i], powers->powers[1]) + (uint8_t)text[i] + 1;

		ret[i + 1] = sum >= prime ? sum - prime : sum;
	}
}

/* Spreads what differs over all bits (the finalizer of SplitMix64). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t anchor_hash(const struct anchor_powers *powers, const uint64_t *sums, size_t at,
		     const struct anchor *anchor, uint32_t tenant)
{
	uint64_t before = multiply(sums[at], powers->powers[anchor->len]);
	uint64_t sum = sums[at + anchor->len];
	uint64_t place = (uint64_t)tenant << 32 | (uint64_t)anchor->kind << 16 | anchor->len;

	sum = sum >= before ? sum - before : sum + prime - before;
	return mix(sum + place * 0x9e3779b97f4a7c15ULL);
}

void anchor_each(const struct anchor_powers *powers, const struct pattern *pattern, uint32_t tenant,
		 void (*visit)(const struct anchor *anchor, void *data), void *data)
{
	const uint16_t *ends = pattern->ends, total = ends[pattern->stars];
	uint64_t sums[ENGINE_KEY_MAX + 1];
	struct anchor anchor = {.kind = ANCHOR_PREFIX, .len = ends[0]};

	anchor_sum(powers, pattern->text, total, sums);
	anchor.hash = anchor_hash(powers, sums, 0, &anchor, tenant);
	visit(&anchor, data);
	anchor.kind = ANCHOR_SUFFIX;
	anchor.len = (uint16_t)(total - ends[pattern->stars - 1]);
	anchor.hash = anchor_hash(powers, sums, total - anchor.len, &anchor, tenant);
	visit(&anchor, data);
	anchor.kind = ANCHOR_INSIDE;
	for (uint8_t i = 1; i < pattern->stars; i++) {
		uint16_t piece = (uint16_t)(ends[i] - ends[i - 1]);

		if (piece == 0)
			continue;
		anchor.len = piece < ANCHOR_INSIDE_MAX ? piece : ANCHOR_INSIDE_MAX;
		for (size_t at = ends[i - 1]; at + anchor.len <= ends[i]; at++) {
			anchor.hash = anchor_hash(powers, sums, at, &anchor, tenant);
			visit(&anchor, data);
		}
	}
}

void anchor_lengths_add(struct anchor_lengths *lengths, uint16_t len)
{
	uint16_t at = lengths->n;

	if (lengths->counts[len]++)
		return;
	for (; at && lengths->lengths[at - 1] > len; at--)
		lengths->lengths[at] = lengths->lengths[at - 1];
	lengths->lengths[at] = len;
	lengths->n++;
}

void anchor_lengths_remove(struct anchor_lengths *lengths, uint16_t len)
{
	uint16_t at = 0;

	if (--lengths->counts[len])
		return;
	while (lengths->lengths[at] != len)
		at++;
	lengths->n--;
	for (; at < lengths->n; at++)
		lengths->lengths[at] = lengths->lengths[at + 1];
}
