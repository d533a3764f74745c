/* Parses the packet of a test run and leaves the result in a map. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_packet);
} parsed SEC(".maps");

SEC("xdp.frags")
int parse_report(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct sluice_packet *p = bpf_map_lookup_elem(&parsed, &zero);

	if (!p || parse_packet(ctx, p))
		return XDP_ABORTED;
	return XDP_PASS;
}

/* As a packet path calls it, for timing. */
SEC("xdp.frags")
int parse_only(struct xdp_md *ctx)
{
	struct sluice_packet p = {0};

	if (parse_packet(ctx, &p))
		return XDP_ABORTED;
	return p.family ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int parse_nothing(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
