/* The usual way to limit by source in XDP: the same bucket for each address in an LRU hash. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <sluice/algorithm.h>

#include "bpf/parse.h"

/*
 * As many buckets as Sluice has in the bench's 16 MiB of lines (five in 64 bytes), the same parser
 * and algorithm, one comparison instead of tables of limits, and nothing counted but verdicts.
 * Everything is dropped, as in judge.bpf.c.
 */
enum {
	LRU_BUCKETS = (16 << 20) / 64 * 5,
	LRU_PORT = 53,
	LRU_TOKEN_NS = 100000000, /* 10 a second */
	LRU_BURST = 10,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_BUCKETS);
	__type(key, __be32);
	__type(value, __u64);
} buckets SEC(".maps");

struct verdicts {
	__u64 admitted;
	__u64 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct verdicts);
} verdicts SEC(".maps");

static const struct sluice_params params = {
	.limit = LRU_BURST,
	.burst = LRU_BURST,
	.interval_ns = 1000000000,
	.mult = (__u64)LRU_TOKEN_NS << SLUICE_TICK_SHIFT,
	.tolerance = ((__u64)LRU_BURST * LRU_TOKEN_NS) << SLUICE_TICK_SHIFT,
	.algorithm = SLUICE_TOKEN_BUCKET,
};

static __always_inline int lru_admits(__be32 key)
{
	__u64 now_ns = bpf_ktime_get_ns(), fresh = 0, seen, next;
	__u64 *word = bpf_map_lookup_elem(&buckets, &key);

	if (!word) {
		sluice_bucket_step(fresh, now_ns, 1, &params, &next);
		return bpf_map_update_elem(&buckets, &key, &next, BPF_ANY) == 0;
	}
	seen = *(volatile __u64 *)word;
	if (!sluice_bucket_step(seen, now_ns, 1, &params, &next))
		return 0;
	return __sync_val_compare_and_swap(word, seen, next) == seen;
}

SEC("xdp.frags")
int bench_lru(struct xdp_md *ctx)
{
	struct sluice_packet p = {0};
	__u32 zero = 0;
	struct verdicts *v = bpf_map_lookup_elem(&verdicts, &zero);

	if (!v || parse_packet(ctx, &p))
		return XDP_ABORTED;
	if (p.family != 4 || p.proto != PARSE_UDP || p.dst_port != LRU_PORT)
		return XDP_PASS;
	if (lru_admits(p.src[0]))
		v->admitted++;
	else
		v->refused++;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
