/* Parses a frame into what limits match on; compiles for BPF and natively. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sluice/packet.h>

#include "frame.h"

/*
 * Nothing here fails: what cannot be read is flagged, and the packet is matched by the rest.
 *
 * Truncated means: a header that must follow does not lie wholly before the end (for TCP the
 * first 14 bytes, so a tiny first fragment too), an IPv4 header shorter than 20 bytes, a version
 * that is not the ethertype's, or an IP length that is shorter than its own header or longer than
 * the frame. A possible IP length is the end: what follows it is Ethernet padding. An impossible
 * one is ignored, and the frame's end counts: a receiver drops such a packet, and a packet merged
 * by the kernel to more than 64 KiB says 0. IPv6's 0 before a hop-by-hop header is a jumbogram.
 *
 * A chain of extension headers that is cut off, too deep, or goes on in another fragment has no
 * knowable protocol: `proto` is then the last number seen, and SLUICE_PACKET_NO_PROTO is set.
 */

enum {
	PARSE_ETH_BYTES = 14,
	PARSE_IP4_BYTES = 20,
	PARSE_IP6_BYTES = 40,
	PARSE_TYPE_IP4 = 0x0800,
	PARSE_TYPE_ARP = 0x0806,
	PARSE_TYPE_VLAN = 0x8100,
	PARSE_TYPE_IP6 = 0x86dd,
	PARSE_TYPE_QINQ = 0x88a8,
	PARSE_ICMP4 = 1,
	PARSE_TCP = 6,
	PARSE_UDP = 17,
	PARSE_DCCP = 33,
	PARSE_ICMP6 = 58,
	PARSE_SCTP = 132,
	PARSE_UDPLITE = 136,
	PARSE_HOPOPTS = 0,
	PARSE_ROUTING = 43,
	PARSE_FRAGMENT = 44,
	PARSE_AH = 51,
	PARSE_NONE = 59,
	PARSE_DSTOPTS = 60,
	PARSE_MOBILITY = 135,
	PARSE_HIP = 139,
	PARSE_SHIM6 = 140,
	PARSE_ND_FIRST = 133,
	PARSE_ND_LAST = 137,
};

struct parse_eth {
	__be16 macs[6];
	__be16 type;
};

struct parse_tag {
	__be16 tci;
	__be16 type;
};

struct parse_ip4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 bytes;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 proto;
	__be16 sum;
	__be32 src;
	__be32 dst;
};

struct parse_ip6 {
	__u8 version;
	__u8 flow[3];
	__be16 bytes;
	__u8 next;
	__u8 hop_limit;
	__be32 src[4];
	__be32 dst[4];
};

/* Every extension header has at least these 8 bytes. */
struct parse_ext {
	__u8 next;
	__u8 length;
	__be16 fragment;
	__be32 rest;
};

struct parse_ports {
	__be16 src;
	__be16 dst;
};

struct parse_tcp {
	struct parse_ports ports;
	__be16 numbers[4];
	__u8 offset;
	__u8 flags;
};

struct parse_icmp {
	__u8 type;
	__u8 code;
};

_Static_assert(sizeof(struct parse_eth) == PARSE_ETH_BYTES, "as on the wire");
_Static_assert(sizeof(struct parse_ip4) == PARSE_IP4_BYTES, "as on the wire");
_Static_assert(sizeof(struct parse_ip6) == PARSE_IP6_BYTES, "as on the wire");
_Static_assert(sizeof(struct parse_ext) == 8, "as on the wire");
_Static_assert(sizeof(struct parse_tcp) == 14, "as on the wire");

/* The link layer: gives the offset of what it carries, or 0 if the frame ends before. */
static __always_inline __u32 parse_link(const struct frame *f, struct sluice_packet *p)
{
	struct parse_eth eth;
	struct parse_tag tag;
	__u32 type;

	if (frame_load(f, 0, &eth))
		goto cut;
	type = frame_be16(eth.type);
	p->ethertype = (__u16)type;
#pragma GCC unroll 2
	for (__u32 i = 0; i < SLUICE_PACKET_VLANS; i++) {
		if (type != PARSE_TYPE_VLAN && type != PARSE_TYPE_QINQ)
			break;
		if (frame_load(f, PARSE_ETH_BYTES + 4 * i, &tag))
			goto cut;
		type = frame_be16(tag.type);
		p->vlan[i] = (__u16)frame_be16(tag.tci);
		p->ethertype = (__u16)type;
		p->vlans = (__u8)(i + 1);
	}
	if (type == PARSE_TYPE_VLAN || type == PARSE_TYPE_QINQ)
		p->flags |= SLUICE_PACKET_TOO_DEEP;
	return PARSE_ETH_BYTES + 4 * (p->vlans & 3);
cut:
	p->flags |= SLUICE_PACKET_TRUNCATED;
	return 0;
}

/* Lowers the end to what an IP header says, if that is possible. */
static __always_inline void parse_end(struct frame *f, struct sluice_packet *p, __u32 least,
				      __u32 end)
{
	if (end < least || end > f->bytes)
		p->flags |= SLUICE_PACKET_TRUNCATED;
	else
		f->end = end;
}

/* The next three give the offset of the transport header, or 0 if there is none to read. */
static __always_inline __u32 parse_ip4(struct frame *f, struct sluice_packet *p, __u32 at)
{
	struct parse_ip4 ip;
	__u32 header, fragment;

	if (frame_load(f, at, &ip)) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return 0;
	}
	p->family = 4;
	p->src[0] = ip.src;
	p->dst[0] = ip.dst;
	p->proto = ip.proto;
	p->hop_limit = ip.ttl;
	fragment = frame_be16(ip.fragment);
	if (fragment & 0x3fff)
		p->flags |= SLUICE_PACKET_FRAGMENT;
	if (fragment & 0x1fff)
		p->flags |= SLUICE_PACKET_LATER;
	header = (ip.version_ihl & 0xf) * 4;
	if (ip.version_ihl >> 4 != 4 || header < PARSE_IP4_BYTES) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return 0;
	}
	parse_end(f, p, at + header, at + frame_be16(ip.bytes));
	return fragment & 0x1fff ? 0 : at + header;
}

/* Two masks, not eight comparisons: those made the verifier walk four times as far. */
static __always_inline int parse_is_extension(__u32 next)
{
	__u64 kinds = 0;

	if (next < 64)
		kinds = 1ULL << PARSE_HOPOPTS | 1ULL << PARSE_ROUTING | 1ULL << PARSE_FRAGMENT |
			1ULL << PARSE_AH | 1ULL << PARSE_DSTOPTS;
	else if (next >> 6 == 2)
		kinds = 1ULL << (PARSE_MOBILITY - 128) | 1ULL << (PARSE_HIP - 128) |
			1ULL << (PARSE_SHIM6 - 128);
	return (int)(kinds >> (next & 63) & 1);
}

static __always_inline __u32 parse_extension_bytes(const struct parse_ext *ext, __u32 kind)
{
	if (kind == PARSE_FRAGMENT)
		return 8;
	if (kind == PARSE_AH)
		return ((__u32)ext->length + 2) * 4;
	return ((__u32)ext->length + 1) * 8;
}

/* Notes a fragment header; true if it is a later one. */
static __always_inline int parse_fragment(const struct parse_ext *ext, struct sluice_packet *p)
{
	p->flags |= SLUICE_PACKET_FRAGMENT;
	if (!(frame_be16(ext->fragment) & 0xfff8))
		return 0;
	p->flags |= SLUICE_PACKET_LATER;
	if (parse_is_extension(ext->next))
		p->flags |= SLUICE_PACKET_NO_PROTO;
	return 1;
}

static __always_inline __u32 parse_chain(const struct frame *f, struct sluice_packet *p, __u32 at)
{
	__u32 next = p->proto;

	for (__u32 i = 0; i < SLUICE_PACKET_EXTENSIONS; i++) {
		struct parse_ext ext;
		__u32 kind = next;

		if (!parse_is_extension(kind))
			break;
		if (frame_load(f, at, &ext)) {
			p->flags |= SLUICE_PACKET_TRUNCATED | SLUICE_PACKET_NO_PROTO;
			return 0;
		}
		at += parse_extension_bytes(&ext, kind);
		next = ext.next;
		p->proto = ext.next;
		p->extensions = (__u8)(i + 1);
		if (kind == PARSE_FRAGMENT && parse_fragment(&ext, p))
			return 0;
	}
	if (parse_is_extension(next)) {
		p->flags |= SLUICE_PACKET_TOO_DEEP | SLUICE_PACKET_NO_PROTO;
		return 0;
	}
	if (at > f->end) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return 0;
	}
	return at;
}

static __always_inline __u32 parse_ip6(struct frame *f, struct sluice_packet *p, __u32 at)
{
	struct parse_ip6 ip;
	__u32 bytes;

	if (frame_load(f, at, &ip)) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return 0;
	}
	p->family = 6;
	__builtin_memcpy(p->src, ip.src, sizeof(p->src));
	__builtin_memcpy(p->dst, ip.dst, sizeof(p->dst));
	p->proto = ip.next;
	p->hop_limit = ip.hop_limit;
	if (ip.version >> 4 != 6) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return 0;
	}
	at += PARSE_IP6_BYTES;
	bytes = frame_be16(ip.bytes);
	if (bytes)
		parse_end(f, p, at, at + bytes);
	else if (ip.next != PARSE_HOPOPTS && ip.next != PARSE_NONE)
		p->flags |= SLUICE_PACKET_TRUNCATED;
	return parse_chain(f, p, at);
}

static __always_inline void parse_tcp(const struct frame *f, struct sluice_packet *p, __u32 at)
{
	struct parse_tcp tcp;

	if (frame_load(f, at, &tcp)) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return;
	}
	p->tcp_flags = tcp.flags;
	p->flags |= SLUICE_PACKET_TCP_FLAGS;
}

static __always_inline void parse_ports(const struct frame *f, struct sluice_packet *p, __u32 at)
{
	struct parse_ports ports;

	if (frame_load(f, at, &ports)) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return;
	}
	p->src_port = (__u16)frame_be16(ports.src);
	p->dst_port = (__u16)frame_be16(ports.dst);
	p->flags |= SLUICE_PACKET_PORTS;
}

/* Hosts take discovery only whole, from their link (hop limit 255) and unfragmented (RFC 6980). */
static __always_inline int parse_is_discovery(const struct sluice_packet *p)
{
	return p->family == 6 && p->hop_limit == 255 && p->icmp_type >= PARSE_ND_FIRST &&
	       p->icmp_type <= PARSE_ND_LAST &&
	       !(p->flags & (SLUICE_PACKET_FRAGMENT | SLUICE_PACKET_TRUNCATED));
}

static __always_inline void parse_icmp(const struct frame *f, struct sluice_packet *p, __u32 at)
{
	struct parse_icmp icmp;

	if (frame_load(f, at, &icmp)) {
		p->flags |= SLUICE_PACKET_TRUNCATED;
		return;
	}
	p->icmp_type = icmp.type;
	p->icmp_code = icmp.code;
	p->flags |= SLUICE_PACKET_ICMP;
	if (parse_is_discovery(p))
		p->flags |= SLUICE_PACKET_ND;
}

static __always_inline void parse_transport(const struct frame *f, struct sluice_packet *p,
					    __u32 at)
{
	__u32 proto = p->proto;

	p->l4_offset = (__u16)at;
	if (proto == (p->family == 4 ? PARSE_ICMP4 : PARSE_ICMP6))
		parse_icmp(f, p, at);
	else if (proto == PARSE_TCP || proto == PARSE_UDP || proto == PARSE_SCTP ||
		 proto == PARSE_UDPLITE || proto == PARSE_DCCP)
		parse_ports(f, p, at);
	if (proto == PARSE_TCP)
		parse_tcp(f, p, at);
}

/* Fills all of *p. */
static __always_inline void parse_frame(struct frame *f, struct sluice_packet *p)
{
	__u32 at;

	__builtin_memset(p, 0, sizeof(*p));
	p->wire_bytes = f->bytes;
	at = parse_link(f, p);
	if (!at)
		return;
	p->l3_offset = (__u16)at;
	if (p->ethertype == PARSE_TYPE_ARP)
		p->flags |= SLUICE_PACKET_ARP;
	if (p->ethertype == PARSE_TYPE_IP4)
		at = parse_ip4(f, p, at);
	else if (p->ethertype == PARSE_TYPE_IP6)
		at = parse_ip6(f, p, at);
	if (p->family && at)
		parse_transport(f, p, at);
}

#ifdef __bpf__

/* Global, so that the verifier walks it once and not once for each path that leads here. */
__attribute__((noinline)) int parse_packet(struct xdp_md *ctx, struct sluice_packet *ret)
{
	struct frame f;

	if (!ret)
		return -1;
	f = frame_of(ctx);
	parse_frame(&f, ret);
	return 0;
}

#else

static inline void parse_packet(const void *data, __u32 bytes, struct sluice_packet *ret)
{
	struct frame f = frame_of(data, bytes);

	parse_frame(&f, ret);
}

#endif
