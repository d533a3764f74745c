/* The keyed hash that turns a masked address into a bucket line and a tag. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/algorithm.h>

/*
 * Two rounds of xor, multiply by a secret odd number, fold: about 5 ns, where SipHash-1-3 takes
 * 18 in BPF. Not a pseudo-random function; it needs to keep those who never see a hash from
 * choosing addresses that share a line. seed[1] and seed[3] are made odd here.
 */
static __always_inline __u64 sluice_hash(__u64 hi, __u64 lo, const __u64 seed[4])
{
	__u64 h = (lo ^ seed[0]) * (seed[1] | 1);

	h ^= h >> 32;
	h = (h ^ hi ^ seed[2]) * (seed[3] | 1);
	h ^= h >> 29;
	h *= seed[1] | 1;
	return h ^ h >> 32;
}
