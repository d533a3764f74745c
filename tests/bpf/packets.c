/* Builds packets for tests, header by header, well-formed or not. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/packets.h"

void packet_fill(struct packet *p, uint8_t value, uint32_t n)
{
	if (n > PACKET_MAX - p->n)
		n = PACKET_MAX - p->n;
	memset(p->bytes + p->n, value, n);
	p->n += n;
}

static void put_8(struct packet *p, unsigned int value)
{
	packet_fill(p, (uint8_t)value, 1);
}

static void put_16(struct packet *p, unsigned int value)
{
	put_8(p, value >> 8);
	put_8(p, value & 0xff);
}

static void set_16(struct packet *p, uint32_t at, unsigned int value)
{
	p->bytes[at] = (uint8_t)(value >> 8);
	p->bytes[at + 1] = (uint8_t)value;
}

void packet_eth(struct packet *p, uint16_t type)
{
	memset(p, 0, sizeof(*p));
	packet_fill(p, 2, 12);
	p->type_at = p->n;
	put_16(p, type);
}

void packet_vlan(struct packet *p, uint16_t type, uint16_t tci)
{
	unsigned int inner = p->bytes[p->type_at] << 8 | p->bytes[p->type_at + 1];

	set_16(p, p->type_at, type);
	put_16(p, tci);
	p->type_at = p->n;
	put_16(p, inner);
}

void packet_ip4(struct packet *p, struct packet_ip4 ip)
{
	unsigned int ihl = ip.ihl ? ip.ihl : 5;

	p->length_of = p->n;
	p->length_at = p->n + 2;
	put_8(p, 0x40 | ihl);
	packet_fill(p, 0, 5);
	put_16(p, ip.fragment);
	put_8(p, 64);
	put_8(p, ip.proto);
	put_16(p, 0);
	for (unsigned int i = 0; i < 8; i++)
		put_8(p, (i < 4 ? 0x10 : 0x20) + i);
	if (ihl > 5)
		packet_fill(p, 1, (ihl - 5) * 4);
}

void packet_ip6(struct packet *p, struct packet_ip6 ip)
{
	put_8(p, 0x60);
	packet_fill(p, 0, 3);
	p->length_at = p->n;
	put_16(p, 0);
	put_8(p, ip.next);
	put_8(p, ip.hop_limit);
	for (unsigned int i = 0; i < 32; i++)
		put_8(p, 0x40 + i);
	p->length_of = p->n;
}

void packet_ext(struct packet *p, uint8_t kind, uint8_t next, uint8_t length)
{
	put_8(p, next);
	put_8(p, length);
	packet_fill(p, 0, (kind == 51 ? (length + 2U) * 4 : (length + 1U) * 8) - 2);
}

void packet_fragment(struct packet *p, uint8_t next, uint16_t fragment)
{
	put_8(p, next);
	put_8(p, 0);
	put_16(p, fragment);
	packet_fill(p, 7, 4);
}

void packet_tcp(struct packet *p, uint16_t src, uint16_t dst, uint8_t flags)
{
	put_16(p, src);
	put_16(p, dst);
	packet_fill(p, 9, 8);
	put_8(p, 0x50);
	put_8(p, flags);
	packet_fill(p, 0, 6);
}

void packet_udp(struct packet *p, uint16_t src, uint16_t dst)
{
	put_16(p, src);
	put_16(p, dst);
	put_16(p, 8);
	put_16(p, 0);
}

void packet_icmp(struct packet *p, uint8_t type, uint8_t code)
{
	put_8(p, type);
	put_8(p, code);
	packet_fill(p, 0, 6);
}

void packet_finish(struct packet *p)
{
	if (p->length_at)
		set_16(p, p->length_at, p->n - p->length_of);
}

static uint8_t draw_proto(struct algo_random *r)
{
	static const uint8_t common[] = {1, 6, 6, 17, 17, 58, 58, 33, 132, 136, 59, 50, 47, 255};

	return common[algo_random_below(r, sizeof(common))];
}

static uint8_t draw_extension(struct algo_random *r)
{
	static const uint8_t kinds[] = {0, 43, 44, 51, 60, 135, 139, 140};

	return kinds[algo_random_below(r, sizeof(kinds))];
}

static uint16_t draw_fragment(struct algo_random *r)
{
	return algo_random_below(r, 2) ? (uint16_t)algo_random_below(r, 2) :
					 (uint16_t)algo_random_next(r);
}

static void append_chain(struct algo_random *r, struct packet *p, uint8_t proto)
{
	uint64_t n = algo_random_below(r, 3) ? algo_random_below(r, 3) : algo_random_below(r, 9);
	uint8_t kind = n ? draw_extension(r) : proto;

	packet_ip6(p, (struct packet_ip6){kind, algo_random_below(r, 2) ? 255 : 64});
	while (n--) {
		uint8_t next = n ? draw_extension(r) : proto;

		if (kind == 44)
			packet_fragment(p, next, draw_fragment(r));
		else
			packet_ext(p, kind, next, (uint8_t)(algo_random_magnitude(r, 5) - 1));
		kind = next;
	}
}

static void append_transport(struct algo_random *r, struct packet *p, uint8_t proto)
{
	if (proto == 6)
		packet_tcp(p, (uint16_t)algo_random_next(r), 443, (uint8_t)algo_random_next(r));
	else if (proto == 1 || proto == 58)
		packet_icmp(p, (uint8_t)algo_random_between(r, 128, 140), 0);
	else
		packet_udp(p, (uint16_t)algo_random_next(r), 53);
}

static void mutate_packet(struct algo_random *r, uint32_t least, struct packet *p)
{
	uint64_t n = algo_random_below(r, 4);

	if (algo_random_below(r, 3) == 0)
		p->n = (uint32_t)algo_random_between(r, least, p->n);
	if (!p->n)
		return;
	if (algo_random_below(r, 2))
		return;
	while (n--) {
		uint64_t reach = p->n < 96 ? p->n : 96;

		p->bytes[algo_random_below(r, reach)] = (uint8_t)algo_random_next(r);
	}
}

void packet_random(struct algo_random *r, uint32_t least, struct packet *ret)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x86dd, 0x0800, 0x86dd, 0x0806};
	uint16_t type = types[algo_random_below(r, 6)];
	uint8_t proto = draw_proto(r);
	uint8_t ihl = (uint8_t)(algo_random_below(r, 3) ? 5 : algo_random_below(r, 16));
	uint64_t tags = algo_random_below(r, 2) ? 0 : algo_random_below(r, 4);

	packet_eth(ret, type);
	while (tags--)
		packet_vlan(ret, algo_random_below(r, 2) ? 0x8100 : 0x88a8,
			    (uint16_t)algo_random_next(r));
	if (type == 0x0800)
		packet_ip4(ret, (struct packet_ip4){ihl, proto,
						    algo_random_below(r, 4) ? 0x4000 :
									      draw_fragment(r)});
	else if (type == 0x86dd)
		append_chain(r, ret, proto);
	append_transport(r, ret, proto);
	if (algo_random_below(r, 8))
		packet_finish(ret);
	packet_fill(ret, 0, (uint32_t)algo_random_below(r, 30));
	mutate_packet(r, least, ret);
}
