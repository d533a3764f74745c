/* The packet limits in force, compiled: what a packet is matched against, whole and immutable. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/algorithm.h>

/*
 * The controller builds a fresh sluice_tables for every change and swaps it in through a map of
 * maps, so a packet sees one set of limits or the next, never a mixture.
 *
 * Matching is by bit vectors: one bit for each rule. A field of the packet leads to a class, the
 * class to the vector of rules that take it, and the AND of all vectors is the set of rules that
 * match. Cost does not depend on the number of rules, and ranges, lists and prefixes are free. A
 * field that could not be read (a later fragment has no ports) has a vector of all ones, so what
 * hides a field matches every rule that asks for it.
 *
 * Bits are in order of charging: enforcing rules first, of those the ones of one bucket for all,
 * then by dst, then by src, each the slowest first. So a packet whose unread fields make it match
 * more than SLUICE_MATCH_MAX rules is charged to the tightest of those that spoofed addresses do
 * not evade.
 */

enum {
	SLUICE_RULES_MAX = 64,
	SLUICE_MATCH_MAX = 16,     /* rules that one packet is charged to */
	SLUICE_BLOCKS_MAX = 2048,  /* of one dimension's trie */
	SLUICE_BOUNDS_MAX = 2048,  /* IPv6 bounds of one dimension; a power of two */
	SLUICE_CLASSES_MAX = 4096, /* of one dimension */
	SLUICE_TRIE_BLOCK = 1 << 15,
};

/* What a limit counts for. */
enum sluice_per {
	SLUICE_PER_ALL = 0, /* one bucket for all that match */
	SLUICE_PER_SRC = 1,
	SLUICE_PER_DST = 2,
};

enum sluice_unit {
	SLUICE_UNIT_PACKETS = 0,
	SLUICE_UNIT_BYTES = 1,
};

/* One limit. What every packet needs is in the first line, the rest in the second. */
struct sluice_rule {
	struct sluice_params params;
	__u64 mask6[2]; /* of an IPv6 address, as its bytes lie in memory */
	__u64 until_ns; /* CLOCK_MONOTONIC from when it no longer holds; 0: always holds */
	__be32 mask4;
	__u32 line_first; /* its own range of bucket lines */
	__u32 line_count;
	__u32 slot; /* of its counters */
	__u8 per;   /* enum sluice_per */
	__u8 unit;  /* enum sluice_unit */
	__u8 spare[22];
};

_Static_assert(sizeof(struct sluice_rule) == 128, "sluice_rule is two cache lines");

/* Lower end of a run of IPv6 addresses in host order: hi holds the first eight bytes. */
struct sluice_bound {
	__u64 hi;
	__u64 lo;
};

/*
 * One address of the packet. IPv4: a trie of 16, 8 and 8 bits over the address in host order; an
 * entry with SLUICE_TRIE_BLOCK set names the block to go on in, any other is a class. IPv6: sorted
 * bounds, padded with copies of the last up to 2^steps; the class is that of the last bound not
 * above the address, bound 0 is ::.
 */
struct sluice_address_table {
	__u32 used;  /* 0: no rule asks, and the rest is unspecified */
	__u32 steps; /* of the search among bounds: 0 .. 11 */
	__u64 row[SLUICE_CLASSES_MAX];
	struct sluice_bound bound[SLUICE_BOUNDS_MAX];
	__u16 bound_class[SLUICE_BOUNDS_MAX];
	__u16 root[65536];
	__u16 block[SLUICE_BLOCKS_MAX][256];
};

struct sluice_port_table {
	__u32 used;
	__u32 spare;
	__u64 row[SLUICE_CLASSES_MAX];
	__u16 class[65536]; /* by port in host order */
};

struct sluice_tables {
	__u64 rules;      /* bits in use */
	__u64 enforce;    /* of those, the rules that refuse; the others are shadows */
	__u64 timed;      /* rules with until_ns */
	__u64 sample;     /* 1: the next packet takes it and is timed; else never written */
	__u64 spare[6];   /* so that a rule begins at a cache line */
	__u64 family4;    /* rules that take IPv4 */
	__u64 family6;    /* and IPv6 */
	__u64 seed[4];    /* of the key hash */
	__u64 proto[256]; /* rules by IP protocol */
	struct sluice_rule rule[SLUICE_RULES_MAX];
	struct sluice_address_table dst;
	struct sluice_address_table src;
	struct sluice_port_table dst_port;
};

_Static_assert(__builtin_offsetof(struct sluice_tables, rule) % 64 == 0, "rules lie in lines");
_Static_assert(sizeof(struct sluice_tables) < 4 << 20, "kernels before 6.2 map at most 4 MiB");

/* Compares without branches, which BPF has no other way for. 1 if a < b. */
static __always_inline __u64 sluice_less(__u64 a, __u64 b)
{
	return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}
