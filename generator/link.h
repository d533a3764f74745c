/* What the kernel says of a network interface of this thread's namespace. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LINK_KIND_SIZE = 16 };

struct link_facts {
	char kind[LINK_KIND_SIZE]; /* "veth", "bridge"; "" for hardware */
	bool peer_elsewhere;       /* its peer is in another network namespace */
	bool up;
	uint64_t tx_packets;
	uint64_t tx_dropped;
};

/* 0, -ENODEV, or another -errno. */
int link_query(uint32_t ifindex, struct link_facts *ret);

/* Whether this thread's network namespace is that of process 1, as far as one may look there. */
bool link_in_first_namespace(void);
