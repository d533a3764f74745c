/* What the packet path knows of a packet after parsing it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/*
 * Filled by bpf/parse.h. Every field that no flag and no count covers is 0 when unknown, so a
 * packet's parsed form depends on the packet alone. Ports, tags and ethertype are in host order;
 * addresses stay as on the wire.
 */
enum sluice_packet_flags {
	SLUICE_PACKET_PORTS = 1 << 0,     /* src_port and dst_port were read */
	SLUICE_PACKET_TCP_FLAGS = 1 << 1, /* tcp_flags was read */
	SLUICE_PACKET_ICMP = 1 << 2,      /* icmp_type and icmp_code were read */
	SLUICE_PACKET_FRAGMENT = 1 << 3,  /* any fragment, IPv6 atomic ones included */
	SLUICE_PACKET_LATER = 1 << 4,     /* not the first fragment: it has no ports */
	SLUICE_PACKET_NO_PROTO = 1 << 5,  /* protocol not knowable: it may be any */
	SLUICE_PACKET_TRUNCATED = 1 << 6, /* a header is cut off or contradicts the frame */
	SLUICE_PACKET_TOO_DEEP = 1 << 7,  /* more tags or extension headers than are walked */
	SLUICE_PACKET_ARP = 1 << 8,
	SLUICE_PACKET_ND = 1 << 9, /* IPv6 neighbour discovery that a host would accept */
};

enum {
	SLUICE_PACKET_VLANS = 2,
	SLUICE_PACKET_EXTENSIONS = 6,
};

struct sluice_packet {
	__be32 src[4]; /* IPv4: word 0, the others 0 */
	__be32 dst[4];
	__u32 wire_bytes; /* the frame with its Ethernet header, without checksum */
	__u32 flags;      /* enum sluice_packet_flags */
	__u16 ethertype;  /* after the tags that were walked */
	__u16 vlan[SLUICE_PACKET_VLANS];
	__u16 vlan_taken; /* for the tag that a driver took off; nobody asks for it yet: 0 */
	__u16 src_port;
	__u16 dst_port;
	__u16 l3_offset;
	__u16 l4_offset; /* 0: no transport header found, or a later fragment */
	__u8 family;     /* 4, 6, or 0 for what is not IP or too short to have addresses */
	__u8 proto;      /* IP protocol; see SLUICE_PACKET_NO_PROTO */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 vlans;      /* tags walked */
	__u8 extensions; /* IPv6 extension headers walked */
	__u8 hop_limit;  /* or time to live */
};

_Static_assert(sizeof(struct sluice_packet) == 64, "sluice_packet is one cache line");
