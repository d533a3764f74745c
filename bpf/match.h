/* Which rules a parsed packet falls under: one bit each, by class vectors. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/packet.h>
#include <sluice/tables.h>

#include "frame.h"

/*
 * <sluice/tables.h> says how the vectors are made. What could not be read takes every rule: a
 * later fragment those of any port, a chain that was not walked to its end those of any protocol,
 * a packet without addresses all.
 */

#define MATCH_ALL (~0ULL)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define match_host32(value) __builtin_bswap32(value)
#define match_host64(value) __builtin_bswap64(value)
#else
#define match_host32(value) (value)
#define match_host64(value) (value)
#endif

/* An index that the verifier sees to be below `size`, a power of two. */
static __always_inline __u32 match_bound(__u32 index, __u32 size)
{
	frame_barrier(index);
	return index & (size - 1);
}

static __always_inline __u64 match_address4(const struct sluice_address_table *t, __be32 address)
{
	__u32 at = match_host32(address);
	__u32 entry = t->root[match_bound(at >> 16, 65536)];

	if (entry & SLUICE_TRIE_BLOCK) {
		entry = t->block[match_bound(entry, SLUICE_BLOCKS_MAX)][match_bound(at >> 8, 256)];
		if (entry & SLUICE_TRIE_BLOCK)
			entry = t->block[match_bound(entry, SLUICE_BLOCKS_MAX)]
					[match_bound(at, 256)];
	}
	return t->row[match_bound(entry, SLUICE_CLASSES_MAX)];
}

/* All ones if the bound is not above the address, else 0; without a branch to mispredict. */
static __always_inline __u32 match_reaches(const struct sluice_bound *bound, __u64 hi, __u64 lo)
{
	__u64 differ = bound->hi ^ hi;
	__u64 equal = ((differ | (0 - differ)) >> 63) ^ 1;
	__u64 above = sluice_less(hi, bound->hi) | (equal & sluice_less(lo, bound->lo));

	return (__u32)above - 1;
}

static __always_inline __u64 match_address6(const struct sluice_address_table *t,
					    const __be32 address[4])
{
	__u64 words[2];
	__u32 base = 0, half;

	__builtin_memcpy(words, address, sizeof(words));
	words[0] = match_host64(words[0]);
	words[1] = match_host64(words[1]);
	half = t->steps < 11 ? (1U << t->steps) >> 1 : SLUICE_BOUNDS_MAX / 2;
#pragma GCC unroll 1
	for (__u32 i = 0; i < 11 && half; i++) {
		__u32 next = match_bound(base + half, SLUICE_BOUNDS_MAX);

		base += half & match_reaches(&t->bound[next], words[0], words[1]);
		half >>= 1;
	}
	base = t->bound_class[match_bound(base, SLUICE_BOUNDS_MAX)];
	return t->row[match_bound(base, SLUICE_CLASSES_MAX)];
}

static __always_inline __u64 match_address(const struct sluice_address_table *t, __u8 family,
					   const __be32 address[4])
{
	if (!t->used)
		return MATCH_ALL;
	return family == 4 ? match_address4(t, address[0]) : match_address6(t, address);
}

static __always_inline __u64 match_port(const struct sluice_port_table *t,
					const struct sluice_packet *p)
{
	if (!t->used || !(p->flags & SLUICE_PACKET_PORTS))
		return MATCH_ALL;
	return t->row[match_bound(t->class[p->dst_port], SLUICE_CLASSES_MAX)];
}

/* An IP packet too short to have addresses, or more tags than are walked. */
static __always_inline __u64 match_unread(const struct sluice_tables *t,
					  const struct sluice_packet *p)
{
	if (p->ethertype == 0x0800)
		return t->family4;
	return p->ethertype == 0x86dd ? t->family6 : t->rules;
}

/* The rules that the packet falls under, whatever the time. Global: verified once. */
global_function __u64 match_packet(const struct sluice_tables *t, const struct sluice_packet *p)
{
	__u64 rules;

	if (!t || !p)
		return 0;
	if (!p->family)
		return match_unread(t, p);
	rules = p->family == 4 ? t->family4 : t->family6;
	rules &= match_address(&t->dst, p->family, p->dst);
	rules &= match_address(&t->src, p->family, p->src);
	if (!(p->flags & SLUICE_PACKET_NO_PROTO))
		rules &= t->proto[p->proto];
	return rules & match_port(&t->dst_port, p);
}

/* Without the rules whose time has passed. No branches: each would double what is verified. */
static __always_inline __u64 match_holding(const struct sluice_tables *t, __u64 rules, __u64 now_ns)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_RULES_MAX; i++) {
		/* 0, which is never, becomes the greatest. */
		__u64 last_ns = t->rule[i].until_ns - 1;

		rules &= ~(sluice_less(last_ns, now_ns) << i);
	}
	return rules;
}
