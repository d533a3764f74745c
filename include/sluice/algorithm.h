/* The rate-limiting algorithms as pure integer steps on one 64-bit word per bucket. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/*
 * The same code runs in XDP, in the controller and in any later door, so it has no clock, no
 * memory but its arguments, no 128-bit arithmetic and, for the token bucket, no division. Word 0
 * is a bucket never used. Callers publish a stepped word by 64-bit compare-and-swap; a refusal
 * changes nothing, so a flood over its limit only reads.
 *
 * Times are CLOCK_MONOTONIC in ns. A token bucket's word counts ticks of 1/32 ns, which holds 18
 * years: an uptime of 13, and up to 4.6 of debt beside it. 1/16 ns would not do: at 12.5 GB/s a
 * 68-byte packet takes 87.04 sixteenths, and rounding that up (never down: a limit is never
 * exceeded) loses 1.1 %.
 *
 * Parameters are made by sluice_params_compile() in <sluice/params.h>, which refuses what a word
 * cannot hold; nothing here checks them again.
 */

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

enum sluice_algorithm {
	SLUICE_TOKEN_BUCKET = 0,
	SLUICE_FIXED_WINDOW = 1,
	SLUICE_SLIDING_WINDOW = 2,
};

enum {
	SLUICE_TICK_SHIFT = 5, /* 1 ns = 32 ticks */
	SLUICE_FIXED_COUNT_BITS = 48,
	SLUICE_SLIDING_COUNT_BITS = 24,
	SLUICE_WINDOW_NUMBER_SHIFT = 48, /* the upper 16 bits of both window words */
	SLUICE_WINDOW_HALF_WRAP = 1 << 15,
};

#define SLUICE_FIXED_COUNT_MAX   ((1ULL << SLUICE_FIXED_COUNT_BITS) - 1)
#define SLUICE_SLIDING_COUNT_MAX ((1ULL << SLUICE_SLIDING_COUNT_BITS) - 1)
#define SLUICE_NEVER             (~0ULL) /* retry_after_ns: no waiting helps */

/* One limit, compiled. Shared with BPF maps: fixed width, no hidden padding. */
struct sluice_params {
	__u64 limit;       /* tokens per interval */
	__u64 burst;       /* the most one bucket holds; windows: equal to limit */
	__u64 interval_ns; /* windows: length of one window */
	__u64 phase_ns;    /* windows: UTC minus monotonic time, modulo interval_ns */
	__u64 mult;        /* token bucket: ticks per token, times 2^shift, rounded up */
	__u64 tolerance;   /* token bucket: ticks that a full burst takes */
	__u64 cost_max;    /* costs are clamped here before they are multiplied */
	__u32 shift;       /* token bucket: of mult; sliding window: of times before products */
	__u32 algorithm;   /* enum sluice_algorithm */
};

_Static_assert(sizeof(struct sluice_params) == 64, "sluice_params is one cache line");

/* What a word means to a person. */
struct sluice_figures {
	__u64 remaining;      /* tokens that would be admitted now */
	__u64 retry_after_ns; /* until the given cost passes; 0 now, SLUICE_NEVER never */
	__u64 reset_after_ns; /* until the bucket equals one never used */
};

/* A window word taken apart, rolled to the window that `now` lies in. */
struct sluice_window {
	__u64 number;     /* lower 16 bits are stored */
	__u64 elapsed_ns; /* since the window began */
	__u64 previous;   /* sliding only */
	__u64 current;
};

/* Token bucket: generic cell rate algorithm (ITU-T I.371, virtual scheduling). */

/* Ticks that `cost` tokens take, rounded up. Exactly additive where shift is 0. */
static __always_inline __u64 sluice_bucket_ticks(__u64 cost, const struct sluice_params *p)
{
	__u64 round = (1ULL << p->shift) - 1;

	return (cost * p->mult + round) >> p->shift;
}

static __always_inline __u64 sluice_bucket_debt(__u64 word, __u64 now_ns)
{
	__u64 now = now_ns << SLUICE_TICK_SHIFT;

	return word > now ? word - now : 0;
}

static __always_inline int sluice_bucket_step(__u64 word, __u64 now_ns, __u64 cost,
					      const struct sluice_params *p, __u64 *ret_word)
{
	__u64 debt = sluice_bucket_debt(word, now_ns);
	__u64 ticks = sluice_bucket_ticks(cost, p);

	if (debt > p->tolerance || ticks > p->tolerance - debt)
		return 0;
	*ret_word = (now_ns << SLUICE_TICK_SHIFT) + debt + ticks;
	return 1;
}

/*
 * Beyond now + tolerance is allowed: debt that others made is paid back, so the long-run rate
 * stays exact. A refund rounds down and may leave the word in the past, which is a full bucket.
 */
static __always_inline __u64 sluice_bucket_charge(__u64 word, __u64 now_ns, __s64 cost,
						  const struct sluice_params *p)
{
	__u64 now = now_ns << SLUICE_TICK_SHIFT;
	__u64 amount = cost < 0 ? 0 - (__u64)cost : (__u64)cost;
	__u64 ticks;

	if (cost == 0)
		return word;
	if (amount > p->cost_max)
		amount = p->cost_max;
	if (cost < 0) {
		ticks = (amount * p->mult) >> p->shift;
		return word > ticks ? word - ticks : 0;
	}
	ticks = sluice_bucket_ticks(amount, p);
	if (word < now)
		word = now;
	return word + ticks < word ? ~0ULL : word + ticks;
}

static __always_inline void sluice_bucket_explain(__u64 word, __u64 now_ns, __u64 cost,
						  const struct sluice_params *p,
						  struct sluice_figures *ret)
{
	__u64 debt = sluice_bucket_debt(word, now_ns);
	__u64 room = debt < p->tolerance ? p->tolerance - debt : 0;
	__u64 round = (1ULL << SLUICE_TICK_SHIFT) - 1;
	__u64 ticks;

	/* The largest c with ceil(c * mult / 2^shift) <= room; compile keeps the shift in range. */
	ret->remaining = (room << p->shift) / p->mult;
	if (ret->remaining > p->burst)
		ret->remaining = p->burst;
	ret->reset_after_ns = (debt >> SLUICE_TICK_SHIFT) + ((debt & round) != 0);
	ret->retry_after_ns = 0;
	if (cost == 0)
		return;
	if (cost > p->burst) {
		ret->retry_after_ns = SLUICE_NEVER;
		return;
	}
	ticks = sluice_bucket_ticks(cost, p);
	if (ticks > room) {
		/* debt may be anything up to 2^64 - 1, so nothing is added to it. */
		ticks = debt - (p->tolerance - ticks);
		ret->retry_after_ns = (ticks >> SLUICE_TICK_SHIFT) + ((ticks & round) != 0);
	}
}

/* Windows: 16 bits of window number above the counts; aligned to UTC through phase_ns. */

static __always_inline void sluice_window_locate(__u64 now_ns, const struct sluice_params *p,
						 struct sluice_window *ret)
{
	__u64 at = now_ns + p->phase_ns;

	ret->number = at / p->interval_ns;
	ret->elapsed_ns = at - ret->number * p->interval_ns;
}

/*
 * Rolls a word to `now`. A stored number less than half a wrap ahead means that time went back:
 * the later window stays, seen from its beginning, so that no count is forgotten.
 */
static __always_inline void sluice_window_load(__u64 word, __u64 now_ns,
					       const struct sluice_params *p,
					       struct sluice_window *ret)
{
	__u64 counts = word & SLUICE_FIXED_COUNT_MAX;
	__u16 age;

	sluice_window_locate(now_ns, p, ret);
	age = (__u16)(ret->number - (word >> SLUICE_WINDOW_NUMBER_SHIFT));
	if (p->algorithm == SLUICE_SLIDING_WINDOW) {
		ret->previous = counts >> SLUICE_SLIDING_COUNT_BITS;
		ret->current = counts & SLUICE_SLIDING_COUNT_MAX;
	} else {
		ret->previous = 0;
		ret->current = counts;
	}
	if (age == 0 || counts == 0)
		return;
	if (age >= SLUICE_WINDOW_HALF_WRAP) {
		ret->number = word >> SLUICE_WINDOW_NUMBER_SHIFT;
		ret->elapsed_ns = 0;
		return;
	}
	ret->previous = age == 1 && p->algorithm == SLUICE_SLIDING_WINDOW ? ret->current : 0;
	ret->current = 0;
}

static __always_inline __u64 sluice_window_store(const struct sluice_window *w,
						 const struct sluice_params *p)
{
	__u64 word = w->number << SLUICE_WINDOW_NUMBER_SHIFT | w->current;

	if (p->algorithm == SLUICE_SLIDING_WINDOW)
		word |= w->previous << SLUICE_SLIDING_COUNT_BITS;
	return word;
}

/*
 * Tokens in use: the current count plus the previous one weighted by how much of its window the
 * last interval_ns still covers, rounded up. Any interval_ns therefore admits at most
 * 2 * limit - 1 (all of one window at its end, all but one of the next spread over it).
 */
static __always_inline __u64 sluice_window_used(const struct sluice_window *w,
						const struct sluice_params *p)
{
	__u64 left, whole, weighted;

	if (w->previous == 0)
		return w->current;
	left = (p->interval_ns - w->elapsed_ns + (1ULL << p->shift) - 1) >> p->shift;
	whole = p->interval_ns >> p->shift;
	weighted = (w->previous * left + whole - 1) / whole;
	return w->current + (weighted < w->previous ? weighted : w->previous);
}

static __always_inline int sluice_window_step(__u64 word, __u64 now_ns, __u64 cost,
					      const struct sluice_params *p, __u64 *ret_word)
{
	struct sluice_window w;

	sluice_window_load(word, now_ns, p, &w);
	if (sluice_window_used(&w, p) > p->limit - cost)
		return 0;
	w.current += cost;
	*ret_word = sluice_window_store(&w, p);
	return 1;
}

static __always_inline __u64 sluice_window_add(__u64 count, __s64 cost,
					       const struct sluice_params *p)
{
	__u64 most = p->algorithm == SLUICE_SLIDING_WINDOW ? SLUICE_SLIDING_COUNT_MAX :
							     SLUICE_FIXED_COUNT_MAX;
	__u64 amount = cost < 0 ? 0 - (__u64)cost : (__u64)cost;

	if (cost < 0)
		return count > amount ? count - amount : 0;
	return amount < most - count ? count + amount : most;
}

/*
 * Consumption of an earlier window than the word's goes to the previous count, or is past. What
 * changes no count leaves the word as it is: rolling it would forget the window it stands in,
 * should time go back.
 */
static __always_inline __u64 sluice_window_charge(__u64 word, __u64 stamp_ns, __s64 cost,
						  const struct sluice_params *p)
{
	struct sluice_window w, at;
	__u64 before;
	__u16 behind;

	sluice_window_load(word, stamp_ns, p, &w);
	sluice_window_locate(stamp_ns, p, &at);
	behind = (__u16)(w.number - at.number);
	before = w.previous + w.current;
	if (behind == 0)
		w.current = sluice_window_add(w.current, cost, p);
	else if (behind == 1 && p->algorithm == SLUICE_SLIDING_WINDOW)
		w.previous = sluice_window_add(w.previous, cost, p);
	return w.previous + w.current == before ? word : sluice_window_store(&w, p);
}

/* ns until the weighted share of `previous` is at most `room`, seen from `elapsed_ns`. */
static __always_inline __u64 sluice_window_decay_ns(__u64 previous, __u64 room, __u64 elapsed_ns,
						    const struct sluice_params *p)
{
	__u64 left = p->interval_ns - elapsed_ns;
	__u64 target;

	if (previous <= room)
		return 0;
	/* ceil(previous * l / whole) <= room  <=>  l <= room * whole / previous */
	target = (room * (p->interval_ns >> p->shift) / previous) << p->shift;
	return left > target ? left - target : 0;
}

static __always_inline void sluice_window_explain(__u64 word, __u64 now_ns, __u64 cost,
						  const struct sluice_params *p,
						  struct sluice_figures *ret)
{
	int sliding = p->algorithm == SLUICE_SLIDING_WINDOW;
	struct sluice_window w, at;
	__u64 used, left;

	sluice_window_load(word, now_ns, p, &w);
	sluice_window_locate(now_ns, p, &at);
	used = sluice_window_used(&w, p);
	/* After time went back the word's window begins only later: count that wait too. */
	left = p->interval_ns - w.elapsed_ns;
	if (w.number != at.number)
		left += (__u64)(__u16)(w.number - at.number) * p->interval_ns - at.elapsed_ns;
	ret->remaining = used < p->limit ? p->limit - used : 0;
	ret->reset_after_ns = w.current  ? left + (sliding ? p->interval_ns : 0) :
			      w.previous ? left :
					   0;
	ret->retry_after_ns = 0;
	if (cost <= ret->remaining)
		return;
	if (cost > p->limit)
		ret->retry_after_ns = SLUICE_NEVER;
	else if (w.current + cost <= p->limit)
		ret->retry_after_ns =
			left - (p->interval_ns - w.elapsed_ns) +
			sluice_window_decay_ns(w.previous, p->limit - cost - w.current,
					       w.elapsed_ns, p);
	else
		ret->retry_after_ns =
			left +
			(sliding ? sluice_window_decay_ns(w.current, p->limit - cost, 0, p) : 0);
}

/* The three faces that doors use. */

/*
 * Admits `cost` tokens or refuses. Returns 1 and the new word in *ret_word, or 0 and leaves
 * *ret_word alone. Cost 0 always passes and changes nothing; a cost above the burst never passes.
 */
static __always_inline int sluice_step(__u64 word, __u64 now_ns, __u64 cost,
				       const struct sluice_params *p, __u64 *ret_word)
{
	if (cost == 0) {
		*ret_word = word;
		return 1;
	}
	if (cost > p->burst)
		return 0;
	if (p->algorithm == SLUICE_TOKEN_BUCKET)
		return sluice_bucket_step(word, now_ns, cost, p, ret_word);
	return sluice_window_step(word, now_ns, cost, p, ret_word);
}

/*
 * Returns the word after `cost` tokens were consumed elsewhere at stamp_ns, or, with a negative
 * cost, given back. Unconditional. charge(-c) with the stamp of a step undoes that step, or leaves
 * more consumed, never less: up to one tick where the shift is not 0, and up to the whole step
 * where the word already stood in a later window than the stamp.
 */
static __always_inline __u64 sluice_charge(__u64 word, __u64 stamp_ns, __s64 cost,
					   const struct sluice_params *p)
{
	if (p->algorithm == SLUICE_TOKEN_BUCKET)
		return sluice_bucket_charge(word, stamp_ns, cost, p);
	return sluice_window_charge(word, stamp_ns, cost, p);
}

/* What `word` means at now_ns for somebody who asks for `cost`. Divides. */
static __always_inline void sluice_explain(__u64 word, __u64 now_ns, __u64 cost,
					   const struct sluice_params *p,
					   struct sluice_figures *ret)
{
	if (p->algorithm == SLUICE_TOKEN_BUCKET)
		sluice_bucket_explain(word, now_ns, cost, p, ret);
	else
		sluice_window_explain(word, now_ns, cost, p, ret);
}

/*
 * 1 if the word equals one never used, so that forgetting it loses nothing. A window word must be
 * asked within 2^15 windows of its last write: later its number looks current again.
 */
static __always_inline int sluice_idle(__u64 word, __u64 now_ns, const struct sluice_params *p)
{
	struct sluice_window w;

	if (p->algorithm == SLUICE_TOKEN_BUCKET)
		return word <= now_ns << SLUICE_TICK_SHIFT;
	sluice_window_load(word, now_ns, p, &w);
	return w.previous == 0 && w.current == 0;
}
