/* Sluice's own verdict under measurement: on one packet, on one of a new source, and nothing. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/verdict.h"
#include "tests/bench/draw.h"

/*
 * The maps are those that the service has pinned, so limits and tables are real. Everything is
 * dropped behind the verdict: what passes would cost its skb, which is not what is measured.
 */

static __always_inline int judge(struct xdp_md *ctx)
{
	const struct sluice_tables *t = map_tables();
	struct sluice_packet p = {0};

	if (!t || !t->rules || parse_packet(ctx, &p))
		return XDP_ABORTED;
	verdict_of(t, &p);
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_judge(struct xdp_md *ctx)
{
	return judge(ctx);
}

SEC("xdp.frags")
int bench_judge_new(struct xdp_md *ctx)
{
	return draw_source(ctx) ? XDP_ABORTED : judge(ctx);
}

/* What the one before does besides judging. */
SEC("xdp.frags")
int bench_draw(struct xdp_md *ctx)
{
	return draw_source(ctx) ? XDP_ABORTED : XDP_DROP;
}

SEC("xdp.frags")
int bench_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
