/* The packet path behind other doors: beside an exact bucket, and with a new source each packet. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/doors.h"
#include "bpf/verdict.h"

struct doors_shared shared;

static __always_inline int judge(const struct sluice_tables *t, const struct sluice_packet *p)
{
	return verdict_of(t, p) == VERDICT_DROP ? XDP_DROP : XDP_PASS;
}

/* Spins until the gap is over. */
static __always_inline __u64 wait_for_packet(void)
{
	__u64 due_ns = shared.last_ns + shared.gap_ns, now_ns = 0;

#pragma GCC unroll 1
	for (__u32 i = 0; i < DOORS_READS_MAX; i++) {
		now_ns = bpf_ktime_get_ns();
		if (now_ns >= due_ns)
			break;
	}
	shared.last_ns = now_ns;
	return now_ns;
}

SEC("xdp.frags")
int door_exact(struct xdp_md *ctx)
{
	const struct sluice_tables *t = map_tables();
	struct sluice_packet p = {0};
	__u64 next, now_ns;

	if (!t || parse_packet(ctx, &p))
		return XDP_ABORTED;
	now_ns = wait_for_packet();
	if (t->rules &&
	    sluice_bucket_step(shared.exact_word, now_ns, 1, &t->rule[0].params, &next)) {
		shared.exact_word = next;
		shared.exact_admitted++;
	}
	return judge(t, &p);
}

SEC("xdp.frags")
int door_flood(struct xdp_md *ctx)
{
	const struct sluice_tables *t = map_tables();
	struct sluice_packet p = {0};

	if (!t || parse_packet(ctx, &p))
		return XDP_ABORTED;
	shared.random = shared.random * 6364136223846793005ULL + 1442695040888963407ULL;
	/* 11.0.0.0 and on, in network order. */
	p.src[0] = __builtin_bswap32(0x0b000000 + (shared.random >> 33) % DOORS_SOURCES);
	return judge(t, &p);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
