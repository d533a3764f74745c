/* What the packet path counts: per limit, and per reason for the whole host. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/* One limit on one CPU. Packets that a shadow limit would have refused count as denied. */
struct sluice_counts {
	__u64 allowed_packets;
	__u64 allowed_bytes;
	__u64 denied_packets;
	__u64 denied_bytes;
};

_Static_assert(sizeof(struct sluice_counts) == 32, "sluice_counts has no padding");

/* The one table of reasons: member, help. */
#define SLUICE_REASONS(X)                                                                     \
	X(passed, "packets that no limit matched")                                            \
	X(admitted, "packets that every matching limit admitted")                             \
	X(refused, "packets that a limit refused: dropped")                                   \
	X(not_ip, "frames that are neither IPv4 nor IPv6: passed")                            \
	X(exempt, "ARP and IPv6 neighbour discovery: passed")                                 \
	X(truncated,                                                                          \
	  "packets with a header cut off or contradicting the frame: matched by the rest")    \
	X(too_deep,                                                                           \
	  "packets with more tags or extension headers than are walked: matched by the rest") \
	X(fragments, "later fragments, which have no ports: matched by the rest")             \
	X(crowded, "packets that matched more limits than one packet is charged to")          \
	X(busy, "packets refused because other CPUs kept changing the same bucket line")

struct sluice_reasons {
#define SLUICE_REASON_MEMBER(name, help) __u64 name;
	SLUICE_REASONS(SLUICE_REASON_MEMBER)
#undef SLUICE_REASON_MEMBER
};
