/* The clock of the packet path: a cached lower bound of now per CPU, exact when it matters. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/*
 * What is refused at a time before now may be dropped without knowing now; what is admitted is
 * stepped again at the exact time, so the bound of a limit needs no assumption about jiffies. A
 * bound is kept for at most CLOCK_USES packets of one CPU and one jiffy. Nested runs may tear the
 * cache: any value in it was the time once, which is all that is asked of it.
 *
 * An old bound refuses what a bucket that has filled since would admit. So a bound is kept only in
 * a flood, where it is microseconds old and reading the clock would hurt: when the packets between
 * two reads came more than CLOCK_GAP_NS apart, the next CLOCK_SLOW reads are exact.
 */

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

enum {
	CLOCK_USES = 16,
	CLOCK_SLOW = 16,
	CLOCK_GAP_NS = 500,
};

/* One per CPU, zero at first. */
struct clock_cache {
	__u64 jiffies;
	__u64 now_ns;
	__u32 uses; /* of this bound */
	__u32 slow; /* reads that are to come before a bound is kept again */
};

_Static_assert(sizeof(struct clock_cache) == 24, "clock_cache has no padding");

#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __always_inline __u64 clock_source_ns(void)
{
	return bpf_ktime_get_ns();
}

static __always_inline __u64 clock_source_jiffies(void)
{
	return bpf_jiffies64();
}

#else

/* Natively whoever includes this defines them: a test moves them by hand. */
__u64 clock_source_ns(void);
__u64 clock_source_jiffies(void);

#endif

/* The exact time, CLOCK_MONOTONIC; renews the bound. */
static __always_inline __u64 clock_now_ns(struct clock_cache *cache)
{
	__u64 now = clock_source_ns();
	__u64 flood = cache->now_ns + (cache->uses + 1ULL) * CLOCK_GAP_NS;

	if (now > flood)
		cache->slow = CLOCK_SLOW;
	else if (cache->slow)
		cache->slow--;
	cache->now_ns = now;
	cache->jiffies = clock_source_jiffies();
	cache->uses = 0;
	return now;
}

/* A time not after now; *ret_exact says whether it was read just now. */
static __always_inline __u64 clock_bound_ns(struct clock_cache *cache, int *ret_exact)
{
	*ret_exact = cache->uses >= CLOCK_USES || cache->slow || cache->now_ns == 0 ||
		     cache->jiffies != clock_source_jiffies();
	if (*ret_exact)
		return clock_now_ns(cache);
	cache->uses++;
	return cache->now_ns;
}
