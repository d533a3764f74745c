/* Charges bucket lines inside the kernel, at the real time or at a given one. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/line.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LINE_COUNT);
	__type(key, __u32);
	__type(value, struct sluice_line);
} lines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LINE_COUNT);
	__type(key, __u32);
	__type(value, struct race_round);
} rounds SEC(".maps");

struct line_shared shared;

/* One key at the real time. */
SEC("xdp")
int line_hot(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct sluice_line *line = bpf_map_lookup_elem(&lines, &zero);
	struct sluice_ask ask = {.cost = 1, .tag = 1};
	struct sluice_slip slip;

	(void)ctx;
	if (!line)
		return XDP_ABORTED;
	ask.now_ns = bpf_ktime_get_ns();
	if (sluice_line_charge(line, &ask, &shared.params, &slip) != SLUICE_LINE_ADMITTED)
		return XDP_DROP;
	__sync_fetch_and_add(&shared.admitted, 1);
	return XDP_PASS;
}

/* A random key of few at a time that moves with it; the test draws the same. */
SEC("xdp")
int line_random(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct sluice_line *line = bpf_map_lookup_elem(&lines, &zero);
	struct sluice_slip slip;
	struct sluice_ask ask;

	(void)ctx;
	if (!line)
		return XDP_ABORTED;
	line_draw(&shared, &ask);
	if (sluice_line_charge(line, &ask, &shared.params, &slip) == SLUICE_LINE_ADMITTED)
		shared.admitted++;
	return XDP_PASS;
}

/*
 * Keys that nobody has seen race for the slots of a fresh line, at a time that stands still: both
 * CPUs draw from one counter, so that they meet in the same line all the time.
 */
SEC("xdp")
int line_race(struct xdp_md *ctx)
{
	__u64 ticket = __sync_fetch_and_add(&shared.charges, 1);
	__u32 round = (__u32)(ticket / RACE_CHARGES), key = (__u32)(ticket % RACE_KEYS);
	struct race_round *counts = bpf_map_lookup_elem(&rounds, &round);
	struct sluice_line *line = bpf_map_lookup_elem(&lines, &round);
	struct sluice_ask ask = {.cost = 1, .tag = round * LINE_KEYS + key + 1};
	struct sluice_slip slip;

	(void)ctx;
	ask.now_ns = shared.now_ns;
	if (!line || !counts)
		return XDP_DROP;
	/* The verifier does not follow a remainder. */
	asm volatile("" : "+r"(key));
	if (sluice_line_charge(line, &ask, &shared.params, &slip) == SLUICE_LINE_ADMITTED)
		__sync_fetch_and_add(&counts->admitted[key & (LINE_KEYS - 1)], 1);
	return XDP_PASS;
}

/* Begins this CPU's next round at the moment the other does, if it is not far away. */
static __always_inline __u32 duel_meet(struct line_duellist *own, const struct line_duellist *other)
{
	__u64 round = __sync_fetch_and_add(&own->rounds, 1);

#pragma GCC unroll 1
	for (__u32 i = 0; i < DUEL_SPINS; i++) {
		if (*(const volatile __u64 *)&other->rounds > round)
			break;
	}
	return (__u32)round;
}

static __always_inline void duel_delay(__u32 n)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < DUEL_DELAYS; i++) {
		if (i >= n)
			break;
		asm volatile("" : "+r"(n));
	}
}

static __always_inline __u32 duel_charge(struct sluice_line *line, __u32 tag, __u32 n)
{
	struct sluice_ask ask = {.now_ns = shared.now_ns, .cost = 1, .tag = tag};
	struct sluice_slip slip;
	__u32 admitted = 0;

#pragma GCC unroll 1
	for (__u32 i = 0; i < n; i++)
		admitted += sluice_line_charge(line, &ask, &shared.params, &slip) ==
			    SLUICE_LINE_ADMITTED;
	return admitted;
}

/*
 * CPU 0 hits a key until it is refused, while CPU 1 claims that key's slot: all five owe the same,
 * so the first is the victim as long as it has not been hit.
 */
SEC("xdp")
int line_duel(struct xdp_md *ctx)
{
	__u32 claims = bpf_get_smp_processor_id() & 1;
	__u32 round = duel_meet(&shared.duellist[claims], &shared.duellist[!claims]);
	struct race_round *counts = bpf_map_lookup_elem(&rounds, &round);
	struct sluice_line *line = bpf_map_lookup_elem(&lines, &round);

	(void)ctx;
	if (!line || !counts)
		return XDP_DROP;
	if (claims) {
		duel_delay(bpf_get_prandom_u32() % DUEL_DELAYS);
		counts->admitted[1] = duel_charge(line, DUEL_CLAIMER, 1);
	} else {
		counts->admitted[0] = duel_charge(line, DUEL_HITTER, DUEL_HITS);
	}
	return XDP_PASS;
}

/*
 * In a calm line CPU 0 hits a key, which settles it, and claims for a newcomer, while CPU 1 claims
 * for the same newcomer: who settles must not open the lock that the other holds.
 */
SEC("xdp")
int line_settle(struct xdp_md *ctx)
{
	__u32 claims = bpf_get_smp_processor_id() & 1;
	__u32 round = duel_meet(&shared.duellist[claims], &shared.duellist[!claims]);
	struct sluice_line *line = bpf_map_lookup_elem(&lines, &round);

	(void)ctx;
	if (!line)
		return XDP_DROP;
	if (claims)
		duel_delay(bpf_get_prandom_u32() % DUEL_DELAYS);
	else
		duel_charge(line, DUEL_HITTER, 1);
	duel_charge(line, DUEL_CLAIMER, 1);
	return XDP_PASS;
}

SEC("xdp")
int line_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
