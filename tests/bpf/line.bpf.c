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

SEC("xdp")
int line_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
