/* How long things took: counts by time, each within 3 % of it. */
/* SPDX-License-Identifier: MIT */
#include "soak/durations.h"

/* Sixteen cells for each doubling. */
enum { FINE_BITS = 4, FINE = 1 << FINE_BITS };

static unsigned int cell_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < FINE)
		return (unsigned int)ns;
	shift = 63 - (unsigned int)__builtin_clzll(ns) - FINE_BITS;
	return (shift + 1) * FINE + (unsigned int)(ns >> shift) - FINE;
}

/* In the middle of the cell. */
static uint64_t ns_of(unsigned int cell)
{
	unsigned int shift = cell / FINE ? cell / FINE - 1 : 0;
	uint64_t low = cell < FINE ? cell : (uint64_t)(FINE + cell % FINE) << shift;

	return low + ((1ULL << shift) - 1) / 2;
}

void durations_add(struct durations *durations, uint64_t ns)
{
	durations->n++;
	durations->cells[cell_of(ns)]++;
	if (ns > durations->max_ns)
		durations->max_ns = ns;
}

void durations_merge(struct durations *durations, const struct durations *other)
{
	durations->n += other->n;
	for (unsigned int i = 0; i < DURATIONS_CELLS; i++)
		durations->cells[i] += other->cells[i];
	if (other->max_ns > durations->max_ns)
		durations->max_ns = other->max_ns;
}

uint64_t durations_quantile_ns(const struct durations *durations, unsigned int part)
{
	uint64_t below = durations->n * part / 100, sum = 0;

	for (unsigned int i = 0; i < DURATIONS_CELLS; i++) {
		sum += durations->cells[i];
		if (sum > below)
			return ns_of(i);
	}
	return durations->max_ns;
}
