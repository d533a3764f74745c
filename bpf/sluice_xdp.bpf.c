/* The program at the NIC: drops what is over a limit before the kernel builds an skb. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "sample.h"
#include "verdict.h"

SEC("xdp.frags")
int sluice_xdp(struct xdp_md *ctx)
{
	struct sluice_tables *t = map_tables();
	struct sluice_packet p = {0};
	int action = XDP_PASS;
	__u64 began_ns;

	if (!t || !t->rules)
		return XDP_PASS;
	began_ns = sample_begin(t);
	if (!parse_packet(ctx, &p) && verdict_of(t, &p) == VERDICT_DROP)
		action = XDP_DROP;
	if (began_ns)
		sample_end(began_ns);
	return action;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
