/* The plainest way to say whether a limit is about a packet: loops over its lists. */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "unit/datapath/plain_match.h"

static bool prefix_holds(const struct packet_prefix *prefix, unsigned int family,
			 const uint8_t *address)
{
	if (prefix->family != family)
		return false;
	for (unsigned int bit = 0; bit < prefix->length; bit++) {
		unsigned int mask = 0x80U >> bit % 8;

		if ((prefix->bytes[bit / 8] & mask) != (address[bit / 8] & mask))
			return false;
	}
	return true;
}

static bool address_fits(const struct packet_prefix *list, size_t n, unsigned int family,
			 const __be32 *address)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_holds(&list[i], family, (const uint8_t *)address))
			return true;
	return n == 0;
}

static bool proto_fits(const struct packet_match *match, uint8_t proto)
{
	for (size_t i = 0; i < match->n_proto; i++)
		if (match->proto[i] == proto)
			return true;
	return match->n_proto == 0;
}

static bool port_fits(const struct packet_match *match, unsigned int port)
{
	for (size_t i = 0; i < match->n_dst_port; i++)
		if (port >= match->dst_port[i].first && port <= match->dst_port[i].last)
			return true;
	return match->n_dst_port == 0;
}

bool plain_match(const struct packet_match *match, const struct sluice_packet *packet)
{
	if (packet->family == 0 && packet->ethertype == 0x0800)
		return packet_match_takes(match, 4);
	if (packet->family == 0 && packet->ethertype == 0x86dd)
		return packet_match_takes(match, 6);
	if (packet->family == 0)
		return true;
	if (!address_fits(match->dst, match->n_dst, packet->family, packet->dst) ||
	    !address_fits(match->src, match->n_src, packet->family, packet->src))
		return false;
	if (packet->flags & SLUICE_PACKET_PORTS && !port_fits(match, packet->dst_port))
		return false;
	if (packet->flags & SLUICE_PACKET_NO_PROTO)
		return true;
	if (match->n_dst_port > 0 && !packet_proto_has_ports(packet->proto))
		return false;
	return proto_fits(match, packet->proto);
}
