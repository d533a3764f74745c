/* The program at the NIC: drops what is over a limit before the kernel builds an skb. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "verdict.h"

SEC("xdp.frags")
int sluice_xdp(struct xdp_md *ctx)
{
	const struct sluice_tables *t = map_tables();
	struct sluice_packet p = {0};

	if (!t || !t->rules)
		return XDP_PASS;
	if (parse_packet(ctx, &p))
		return XDP_PASS;
	return verdict_of(t, &p) == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
