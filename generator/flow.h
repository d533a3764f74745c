/* What the sending program writes into each frame: filled by generator.c, read in the kernel. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

enum {
	FLOW_ETH_BYTES = 14,
	FLOW_IP4_BYTES = 20,
	FLOW_IP6_BYTES = 40,
	FLOW_UDP_BYTES = 8,
	FLOW_HEAD4_BYTES = FLOW_ETH_BYTES + FLOW_IP4_BYTES + FLOW_UDP_BYTES,
	FLOW_HEAD6_BYTES = FLOW_ETH_BYTES + FLOW_IP6_BYTES + FLOW_UDP_BYTES,
	/* Where a frame differs from the next. */
	FLOW_IP4_SUM_AT = FLOW_ETH_BYTES + 10,
	FLOW_IP4_SRC_AT = FLOW_ETH_BYTES + 12,
	FLOW_IP4_UDP_SUM_AT = FLOW_HEAD4_BYTES - 2,
	FLOW_IP6_SRC_AT = FLOW_ETH_BYTES + 8 + 4, /* the second word: a /64 for each source */
	FLOW_IP6_UDP_SUM_AT = FLOW_HEAD6_BYTES - 2,
};

/*
 * All headers stand ready but for one word of the source and the checksums, so a frame costs a
 * copy, a draw and two foldings. Sums are of 16-bit words as they lie in memory, without that word,
 * below 2^18.
 */
struct flow {
	__u64 head[8];
	__u32 src_word; /* of the first source, in host order */
	__u32 sources;  /* at least 1 */
	__u32 in_turn;  /* 1: each source after the other; 0: at random */
	__u32 ip_sum;   /* of the IPv4 header */
	__u32 udp_sum;  /* of pseudo header, UDP header and payload */
	__u32 ifindex;
	__u32 family; /* 4 or 6 */
	__u32 spare;
};

_Static_assert(sizeof(struct flow) == 96, "flow has no padding");
_Static_assert(FLOW_HEAD6_BYTES <= sizeof(((struct flow *)0)->head), "a head has room");

/* What a run changes. One thread at a time runs the program, so nothing here is atomic. */
struct flow_state {
	__u64 random; /* never 0 */
	__u64 frames; /* sent to the interface */
	__u32 turn;
	__u32 spare;
};
