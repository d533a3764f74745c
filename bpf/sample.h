/* How long a packet takes, measured where the controller asks for one. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <sluice/tables.h>
#include <sluice/times.h>

#include "frame.h"

/*
 * Two readings of the clock cost as much as all else that a refused packet takes, and so would a
 * count of packets that says whose turn it is. So the controller sets tables->sample some times a
 * second; the next packet on any CPU takes it away and is measured, and all others read a word that
 * lies beside those they need anyway.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_times);
} times SEC(".maps");

/* 0: this packet is not measured. */
static __always_inline __u64 sample_begin(struct sluice_tables *t)
{
	if (__builtin_expect(!t->sample, 1) || !__sync_lock_test_and_set(&t->sample, 0))
		return 0;
	return bpf_ktime_get_ns();
}

global_function int sample_end(__u64 began_ns)
{
	__u64 ns = bpf_ktime_get_ns() - began_ns, bucket = 0;
	__u32 zero = 0;
	struct sluice_times *times_here = bpf_map_lookup_elem(&times, &zero);

	if (!times_here)
		return -1;
		/* Without branches, of which the verifier would walk both sides twenty times over. */
#define SAMPLE_COUNT_BOUND(bound, seconds) bucket += sluice_less(bound, ns);
	SLUICE_TIMES_BOUNDS(SAMPLE_COUNT_BOUND)
#undef SAMPLE_COUNT_BOUND
	if (bucket > SLUICE_TIMES_N)
		return -1;
	times_here->buckets[bucket]++;
	times_here->sum_ns += ns;
	return 0;
}
