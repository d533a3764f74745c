/* Runs the algorithms on records of a map, one record per run, for comparison with native code. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/algorithm.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ALGO_BATCH);
	__type(key, __u32);
	__type(value, struct algo_record);
} records SEC(".maps");

/* A test run repeats the program; each run takes the next record. */
__u32 all_next;
__u32 bucket_next;

SEC("xdp")
int algorithm_all(struct xdp_md *ctx)
{
	__u32 i = all_next++;
	struct algo_record *r = bpf_map_lookup_elem(&records, &i);

	(void)ctx;
	if (!r)
		return XDP_ABORTED;
	r->admitted = sluice_step(r->word, r->now_ns, r->cost, &r->params, &r->step_word);
	r->charge_word = sluice_charge(r->word, r->now_ns, r->charge, &r->params);
	r->idle = sluice_idle(r->word, r->now_ns, &r->params);
	sluice_explain(r->word, r->now_ns, r->cost, &r->params, &r->figures);
	return XDP_PASS;
}

/* What a packet path runs: the test looks for divisions among its instructions. */
SEC("xdp")
int algorithm_bucket(struct xdp_md *ctx)
{
	__u32 i = bucket_next++;
	struct algo_record *r = bpf_map_lookup_elem(&records, &i);

	(void)ctx;
	if (!r)
		return XDP_ABORTED;
	if (r->params.algorithm != SLUICE_TOKEN_BUCKET || !r->cost || r->cost > r->params.burst)
		return XDP_PASS;
	r->bucket_admitted =
		sluice_bucket_step(r->word, r->now_ns, r->cost, &r->params, &r->bucket_word);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
