/* Compiles what a user writes into the integers the algorithms run on (controller only). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/algorithm.h>

#define SLUICE_INTERVAL_MIN_NS 1000000ULL                            /* 1 ms */
#define SLUICE_INTERVAL_MAX_NS (365ULL * 86400 * 1000 * 1000 * 1000) /* 365 d */

enum {
	/*
	 * Below this many ticks per smallest cost, rounding up would cost more than 1 %; below this
	 * many per token, fractions of a tick are kept (shift > 0). So limits of requests or packets
	 * always take whole ticks, and a frozen clock admits exactly their burst.
	 */
	SLUICE_TICKS_MIN = 100,
	SLUICE_SHIFT_MAX = 24,
	/* The smallest packet that byte limits keep their precision for. */
	SLUICE_BYTES_COST_MIN = 64,
};

/* A tolerance of 2^61 ticks is 2.28 years: now, tolerance and a charge still fit one word. */
#define SLUICE_TOLERANCE_MAX (1ULL << 61)

/* What to compile. Burst 0 means: as the limit. */
struct sluice_spec {
	__u64 limit;
	__u64 burst;
	__u64 interval_ns;
	__u32 cost_min;  /* smallest cost that must keep within 1 %: 1, or 64 for bytes */
	__u32 algorithm; /* enum sluice_algorithm */
};

/* Why a spec does not fit a word. */
enum sluice_params_error {
	SLUICE_PARAMS_E_LIMIT_ZERO = 1,
	SLUICE_PARAMS_E_INTERVAL,     /* outside 1 ms .. 365 d */
	SLUICE_PARAMS_E_RATE,         /* more per second than 1/32 ns resolves within 1 % */
	SLUICE_PARAMS_E_BURST,        /* a full burst takes longer than a word counts precisely */
	SLUICE_PARAMS_E_BURST_WINDOW, /* windows have no burst other than their limit */
	SLUICE_PARAMS_E_COUNT,        /* the window's count field does not hold the limit */
};

/* Ticks per token times 2^shift, rounded up: a limit is never exceeded. */
static inline unsigned __int128 sluice_params_mult(const struct sluice_spec *spec, __u32 shift)
{
	unsigned __int128 ticks = (unsigned __int128)spec->interval_ns << SLUICE_TICK_SHIFT;

	return ((ticks << shift) + spec->limit - 1) / spec->limit;
}

/*
 * A cost that takes x ticks is charged at most x + cost / 2^shift + 1: mult and the product are
 * rounded up. Both together stay within 1 % for every cost from cost_min on if they do for it.
 */
static inline int sluice_params_keeps_rate(const struct sluice_spec *spec, __u32 shift)
{
	unsigned __int128 ticks = (unsigned __int128)spec->interval_ns << SLUICE_TICK_SHIFT;
	unsigned __int128 lost = (1ULL << shift) + spec->cost_min;

	return (ticks * spec->cost_min) << shift >= lost * spec->limit * (SLUICE_TICKS_MIN - 1);
}

static inline int sluice_params_compile_bucket(const struct sluice_spec *spec,
					       struct sluice_params *p)
{
	unsigned __int128 ticks = (unsigned __int128)spec->interval_ns << SLUICE_TICK_SHIFT;
	unsigned __int128 least = (unsigned __int128)spec->limit * SLUICE_TICKS_MIN;
	unsigned __int128 mult, tolerance;

	if (ticks * spec->cost_min < least)
		return SLUICE_PARAMS_E_RATE;
	/* As many fraction bits as keep burst * mult below 2^62; none where whole ticks do. */
	p->shift = ticks < least ? SLUICE_SHIFT_MAX : 0;
	while (p->shift && sluice_params_mult(spec, p->shift) * p->burst >= 1ULL << 62)
		p->shift--;
	mult = sluice_params_mult(spec, p->shift);
	tolerance = (mult * p->burst + (1ULL << p->shift) - 1) >> p->shift;
	if (tolerance > SLUICE_TOLERANCE_MAX || mult * p->burst >= 1ULL << 62)
		return SLUICE_PARAMS_E_BURST;
	if (ticks < least && !sluice_params_keeps_rate(spec, p->shift))
		return SLUICE_PARAMS_E_BURST;
	p->mult = (__u64)mult;
	p->tolerance = (__u64)tolerance;
	p->cost_max = (1ULL << 62) / p->mult;
	return 0;
}

static inline int sluice_params_compile_window(const struct sluice_spec *spec, __u64 utc_offset_ns,
					       struct sluice_params *p)
{
	__u64 most = spec->algorithm == SLUICE_SLIDING_WINDOW ? SLUICE_SLIDING_COUNT_MAX :
								SLUICE_FIXED_COUNT_MAX;

	if (p->burst != spec->limit)
		return SLUICE_PARAMS_E_BURST_WINDOW;
	if (spec->limit > most)
		return SLUICE_PARAMS_E_COUNT;
	p->phase_ns = utc_offset_ns % spec->interval_ns;
	p->cost_max = most;
	/* previous (24 bits) times the scaled interval must stay below 2^63. */
	if (spec->algorithm == SLUICE_SLIDING_WINDOW)
		while (spec->interval_ns >> p->shift >= 1ULL << 39)
			p->shift++;
	return 0;
}

/*
 * Fills *ret from *spec; utc_offset_ns is UTC minus CLOCK_MONOTONIC (windows align to it).
 * Returns 0, or an enum sluice_params_error and leaves *ret alone.
 */
static inline int sluice_params_compile(const struct sluice_spec *spec, __u64 utc_offset_ns,
					struct sluice_params *ret)
{
	struct sluice_params p = {
		.limit = spec->limit,
		.burst = spec->burst ? spec->burst : spec->limit,
		.interval_ns = spec->interval_ns,
		.algorithm = spec->algorithm,
	};
	int err;

	if (spec->limit == 0)
		return SLUICE_PARAMS_E_LIMIT_ZERO;
	if (spec->interval_ns < SLUICE_INTERVAL_MIN_NS ||
	    spec->interval_ns > SLUICE_INTERVAL_MAX_NS)
		return SLUICE_PARAMS_E_INTERVAL;
	if (spec->algorithm == SLUICE_TOKEN_BUCKET)
		err = sluice_params_compile_bucket(spec, &p);
	else
		err = sluice_params_compile_window(spec, utc_offset_ns, &p);
	if (err)
		return err;
	*ret = p;
	return 0;
}

/* Debt in old ticks as debt in new ticks for the same number of tokens, rounded up. */
static inline __u64 sluice_bucket_convert(__u64 word, __u64 now_ns,
					  const struct sluice_params *from,
					  const struct sluice_params *to)
{
	const __u64 most = 1ULL << 62;
	unsigned __int128 debt = sluice_bucket_debt(word, now_ns);
	unsigned __int128 divisor = from->mult;
	__u32 shift;

	if (debt == 0)
		return word;
	debt = (debt < most ? debt : most) * to->mult;
	if (from->shift > to->shift) {
		/* A shifted mult is below 2^31, so what would overflow here exceeds `most` anyway. */
		shift = from->shift - to->shift;
		debt = debt >> (127 - shift) ? (unsigned __int128)most * divisor : debt << shift;
	} else {
		divisor <<= to->shift - from->shift;
	}
	debt = (debt + divisor - 1) / divisor;
	return (now_ns << SLUICE_TICK_SHIFT) + (__u64)(debt < most ? debt : most);
}

/* Tokens that `word` holds consumed at now_ns, rounded up; more than the burst after a charge. */
static inline __u64 sluice_convert_used(__u64 word, __u64 now_ns, const struct sluice_params *from)
{
	const __u64 most = 1ULL << 62;
	unsigned __int128 used;
	struct sluice_window w;

	if (from->algorithm == SLUICE_TOKEN_BUCKET) {
		used = (unsigned __int128)sluice_bucket_debt(word, now_ns) << from->shift;
		used = (used + from->mult - 1) / from->mult;
	} else {
		sluice_window_load(word, now_ns, from, &w);
		used = sluice_window_used(&w, from);
	}
	return used < most ? (__u64)used : most;
}

/*
 * The word that says under `to` what `word` said under `from`: what was consumed stays consumed
 * when the numbers of a limit change (up to what a word holds). Tokens of a changed algorithm or
 * window length are charged at now_ns.
 */
static inline __u64 sluice_convert(__u64 word, __u64 now_ns, const struct sluice_params *from,
				   const struct sluice_params *to)
{
	if (from->algorithm == to->algorithm && from->algorithm == SLUICE_TOKEN_BUCKET)
		return sluice_bucket_convert(word, now_ns, from, to);
	if (from->algorithm == to->algorithm && from->interval_ns == to->interval_ns &&
	    from->phase_ns == to->phase_ns)
		return word;
	return sluice_charge(0, now_ns, (__s64)sluice_convert_used(word, now_ns, from), to);
}
