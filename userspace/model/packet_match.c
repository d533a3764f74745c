/* What a match takes, and the protocols that people know by name. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "model/limit_priv.h"
#include "model/packet_priv.h"

/* A slip that might mean two of them means the first. */
static const struct proto_name {
	const char *name;
	uint8_t proto;
} proto_names[] = {
	{"tcp", 6},   {"udp", 17},  {"icmpv6", 58},   {"icmp", 1},   {"sctp", 132}, {"dccp", 33},
	{"gre", 47},  {"esp", 50},  {"udplite", 136}, {"igmp", 2},   {"ipip", 4},   {"ipv6", 41},
	{"pim", 103}, {"ospf", 89}, {"vrrp", 112},    {"l2tp", 115},
};

enum {
	PROTO_NAMES = sizeof(proto_names) / sizeof(proto_names[0]),
};

void packet_match_init(struct packet_match *match)
{
	/* Cleared as a whole: unused rows are never unknown bytes. */
	memset(match, 0, sizeof(*match));
	match->per_length4 = 32;
	match->per_length6 = 64;
}

static bool list_takes(const struct packet_prefix *list, uint32_t n, unsigned int family)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].family == family)
			return true;
	return n == 0;
}

bool packet_match_takes(const struct packet_match *match, unsigned int family)
{
	return list_takes(match->dst, match->n_dst, family) &&
	       list_takes(match->src, match->n_src, family);
}

bool packet_proto_has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

bool packet_proto_is_extension(uint8_t proto)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60, 135, 139, 140};

	return memchr(extensions, proto, sizeof(extensions));
}

const char *packet_proto_name(uint8_t proto)
{
	for (size_t i = 0; i < PROTO_NAMES; i++)
		if (proto_names[i].proto == proto)
			return proto_names[i].name;
	return NULL;
}

int packet_proto_find(const char *name)
{
	for (size_t i = 0; i < PROTO_NAMES; i++)
		if (strcmp(proto_names[i].name, name) == 0)
			return proto_names[i].proto;
	return -1;
}

const char *packet_proto_suggest(const char *name)
{
	for (size_t i = 0; i < PROTO_NAMES; i++)
		if (limit_is_one_slip_away(name, proto_names[i].name))
			return proto_names[i].name;
	return NULL;
}
