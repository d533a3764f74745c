/* Writes one UDP frame from one of many sources and sends it to the interface. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "generator/flow.h"

#define always_inline inline __attribute__((always_inline))

const volatile struct flow flow;
struct flow_state flow_state;

/* Which source sends next: 0 .. sources - 1. */
static always_inline __u32 draw_source(void)
{
	__u64 x = flow_state.random;

	if (flow.in_turn) {
		__u32 turn = flow_state.turn;

		flow_state.turn = turn + 1 >= flow.sources ? 0 : turn + 1;
		return turn;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	flow_state.random = x;
	return (__u32)((x >> 32) * flow.sources >> 32);
}

/* The checksum of what `sum` and one more word make; never 0, which UDP takes for none. */
static always_inline __u16 fold_sum(__u32 sum, __be32 word)
{
	sum += (word & 0xffff) + (word >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (__u16)~sum;
}

static always_inline int write_ip4(void *data, void *end, __be32 src)
{
	__u64 *head = data;

	if (data + FLOW_HEAD4_BYTES > end)
		return -1;
#pragma GCC unroll 5
	for (int i = 0; i < FLOW_HEAD4_BYTES / 8; i++)
		head[i] = flow.head[i];
	*(__be32 *)(data + FLOW_IP4_SRC_AT) = src;
	*(__u16 *)(data + FLOW_IP4_SUM_AT) = fold_sum(flow.ip_sum, src);
	*(__u16 *)(data + FLOW_IP4_UDP_SUM_AT) = fold_sum(flow.udp_sum, src);
	return 0;
}

static always_inline int write_ip6(void *data, void *end, __be32 src)
{
	__u64 *head = data;

	if (data + FLOW_HEAD6_BYTES > end)
		return -1;
#pragma GCC unroll 7
	for (int i = 0; i < FLOW_HEAD6_BYTES / 8; i++)
		head[i] = flow.head[i];
	*(__u32 *)(head + FLOW_HEAD6_BYTES / 8) = (__u32)flow.head[FLOW_HEAD6_BYTES / 8];
	*(__be32 *)(data + FLOW_IP6_SRC_AT) = src;
	*(__u16 *)(data + FLOW_IP6_UDP_SUM_AT) = fold_sum(flow.udp_sum, src);
	return 0;
}

/*
 * All headers each time: the kernel recycles frames, and a receiver may have written to them. What
 * really arrives on the interface, where generator.c has attached this too, goes its way.
 */
SEC("xdp")
int flow_send(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be32 src;
	int err;

	if (ctx->ingress_ifindex == flow.ifindex)
		return XDP_PASS;
	src = __builtin_bswap32(flow.src_word + draw_source());
	err = flow.family == 4 ? write_ip4(data, end, src) : write_ip6(data, end, src);
	if (err)
		return XDP_ABORTED;
	flow_state.frames++;
	return (int)bpf_redirect(flow.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
