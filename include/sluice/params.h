/* Compiles what a user writes into the integers the algorithms run on (controller only). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>

#include <sluice/algorithm.h>

#define SLUICE_INTERVAL_MIN_NS 1000000ULL			   /* 1 ms */
#define SLUICE_INTERVAL_MAX_NS (365ULL * 86400 * 1000 * 1000 * 1000) /* 365 d */

enum {
	/* Below this many ticks per smallest cost, rounding up would cost more than 1 %. */
	SLUICE_TICKS_MIN = 100,
	/* Below this many ticks per token, fractions of a tick are kept (shift > 0). */
	SLUICE_TICKS_WHOLE = 128,
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
	__u32 cost_min;	 /* smallest cost that must keep within 1 %: 1, or 64 for bytes */
	__u32 algorithm; /* enum sluice_algorithm */
};

/* Why a spec does not fit a word. */
enum sluice_params_error {
	SLUICE_PARAMS_E_LIMIT_ZERO = 1,
	SLUICE_PARAMS_E_INTERVAL,     /* outside 1 ms .. 365 d */
	SLUICE_PARAMS_E_RATE,	      /* more per second than 1/32 ns resolves within 1 % */
	SLUICE_PARAMS_E_BURST,	      /* a full burst takes longer than SLUICE_TOLERANCE_MAX */
	SLUICE_PARAMS_E_BURST_WINDOW, /* windows have no burst other than their limit */
	SLUICE_PARAMS_E_COUNT,	      /* the window's count field does not hold the limit */
};

static inline int sluice_params_compile_bucket(const struct sluice_spec *spec,
					       struct sluice_params *p)
{
	unsigned __int128 ticks = (unsigned __int128)spec->interval_ns << SLUICE_TICK_SHIFT;
	unsigned __int128 mult, tolerance;

	if (ticks * spec->cost_min < (unsigned __int128)spec->limit * SLUICE_TICKS_MIN)
		return SLUICE_PARAMS_E_RATE;
	p->shift = 0;
	if (ticks < (unsigned __int128)spec->limit * SLUICE_TICKS_WHOLE) {
		/* As many fraction bits as keep burst * mult below 2^62. */
		for (p->shift = 24; p->shift > 10; p->shift--)
			if (((ticks << p->shift) / spec->limit + 1) * p->burst < 1ULL << 62)
				break;
	}
	mult = ((ticks << p->shift) + spec->limit - 1) / spec->limit;
	tolerance = (mult * p->burst + (1ULL << p->shift) - 1) >> p->shift;
	if (tolerance > SLUICE_TOLERANCE_MAX || mult * p->burst >= 1ULL << 62)
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
	if (spec->interval_ns < SLUICE_INTERVAL_MIN_NS || spec->interval_ns > SLUICE_INTERVAL_MAX_NS)
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
static inline __u64 sluice_bucket_convert(__u64 word, __u64 now_ns, const struct sluice_params *from,
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

/*
 * The word that says under `to` what `word` said under `from`: what was consumed stays consumed
 * when the numbers of a limit change. Tokens of a changed algorithm or window length are charged
 * at now_ns.
 */
static inline __u64 sluice_convert(__u64 word, __u64 now_ns, const struct sluice_params *from,
				   const struct sluice_params *to)
{
	struct sluice_figures f;
	struct sluice_window w;
	__u64 used;

	if (from->algorithm == to->algorithm && from->algorithm == SLUICE_TOKEN_BUCKET)
		return sluice_bucket_convert(word, now_ns, from, to);
	if (from->algorithm == to->algorithm && from->interval_ns == to->interval_ns &&
	    from->phase_ns == to->phase_ns)
		return word;
	if (from->algorithm == SLUICE_TOKEN_BUCKET) {
		sluice_explain(word, now_ns, 0, from, &f);
		used = from->burst - f.remaining;
	} else {
		sluice_window_load(word, now_ns, from, &w);
		used = sluice_window_used(&w, from);
	}
	return used ? sluice_charge(0, now_ns, (__s64)used, to) : 0;
}
