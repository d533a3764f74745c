/* A slow parser written from the RFCs that shares no code with the packet path's. */
/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf/reference.h"

/* Reads in order; once something is missing, all that follows is 0 and `cut` stays set. */
struct reader {
	const uint8_t *bytes;
	size_t at, end;
	bool cut;
};

static bool has_bytes(struct reader *r, size_t n)
{
	if (r->at > r->end || r->end - r->at < n)
		r->cut = true;
	return !r->cut;
}

static unsigned int peek_8(const struct reader *r, size_t ahead)
{
	return r->bytes[r->at + ahead];
}

static unsigned int peek_16(const struct reader *r, size_t ahead)
{
	return peek_8(r, ahead) * 256 + peek_8(r, ahead + 1);
}

/* Ethernet II with 802.1Q and 802.1ad tags. */
static bool read_link(struct reader *r, struct sluice_packet *p)
{
	if (!has_bytes(r, 14))
		return false;
	p->ethertype = (uint16_t)peek_16(r, 12);
	r->at = 14;
	while (p->ethertype == 33024 || p->ethertype == 34984) {
		if (p->vlans == 2) {
			p->flags |= SLUICE_PACKET_TOO_DEEP;
			break;
		}
		if (!has_bytes(r, 4))
			return false;
		p->vlan[p->vlans++] = (uint16_t)peek_16(r, 0);
		p->ethertype = (uint16_t)peek_16(r, 2);
		r->at += 4;
	}
	p->l3_offset = (uint16_t)r->at;
	if (p->ethertype == 2054)
		p->flags |= SLUICE_PACKET_ARP;
	return true;
}

static void bound_by(struct reader *r, struct sluice_packet *p, size_t from, size_t end)
{
	if (end >= from && end <= r->end)
		r->end = end;
	else
		p->flags |= SLUICE_PACKET_TRUNCATED;
}

/* RFC 791; false: there is no transport header to look for. */
static bool read_ip4(struct reader *r, struct sluice_packet *p)
{
	size_t start = r->at, header;
	unsigned int offset;

	if (!has_bytes(r, 20))
		return false;
	p->family = 4;
	memcpy(p->src, r->bytes + start + 12, 4);
	memcpy(p->dst, r->bytes + start + 16, 4);
	p->hop_limit = (uint8_t)peek_8(r, 8);
	p->proto = (uint8_t)peek_8(r, 9);
	offset = peek_16(r, 6) % 8192;
	if (offset)
		p->flags |= SLUICE_PACKET_LATER;
	if (offset || peek_8(r, 6) / 32 % 2)
		p->flags |= SLUICE_PACKET_FRAGMENT;
	header = peek_8(r, 0) % 16 * 4;
	if (peek_8(r, 0) / 16 != 4 || header < 20) {
		r->cut = true;
		return false;
	}
	bound_by(r, p, start + header, start + peek_16(r, 2));
	r->at = start + header;
	return !offset;
}

static bool is_extension(unsigned int number)
{
	static const uint8_t numbers[] = {0, 43, 44, 51, 60, 135, 139, 140};

	return memchr(numbers, (int)number, sizeof(numbers)) != NULL;
}

/* RFC 8200 section 4, RFC 4302 for the odd one; false: no transport header. */
static bool read_extension(struct reader *r, struct sluice_packet *p)
{
	unsigned int kind = p->proto;
	size_t start = r->at;

	if (!has_bytes(r, 8)) {
		p->flags |= SLUICE_PACKET_NO_PROTO;
		return false;
	}
	p->extensions++;
	p->proto = (uint8_t)peek_8(r, 0);
	if (kind == 51)
		r->at += 8 + 4 * (size_t)peek_8(r, 1);
	else if (kind != 44)
		r->at += 8 + 8 * (size_t)peek_8(r, 1);
	else
		r->at += 8;
	if (kind != 44)
		return true;
	p->flags |= SLUICE_PACKET_FRAGMENT;
	if (r->bytes[start + 2] == 0 && r->bytes[start + 3] < 8)
		return true;
	p->flags |= SLUICE_PACKET_LATER;
	if (is_extension(p->proto))
		p->flags |= SLUICE_PACKET_NO_PROTO;
	return false;
}

static bool read_ip6(struct reader *r, struct sluice_packet *p)
{
	unsigned int payload;

	if (!has_bytes(r, 40))
		return false;
	p->family = 6;
	memcpy(p->src, r->bytes + r->at + 8, 16);
	memcpy(p->dst, r->bytes + r->at + 24, 16);
	p->proto = (uint8_t)peek_8(r, 6);
	p->hop_limit = (uint8_t)peek_8(r, 7);
	payload = peek_16(r, 4);
	if (peek_8(r, 0) / 16 != 6) {
		r->cut = true;
		return false;
	}
	r->at += 40;
	if (payload)
		bound_by(r, p, r->at, r->at + payload);
	else if (p->proto != 0 && p->proto != 59)
		p->flags |= SLUICE_PACKET_TRUNCATED;
	while (is_extension(p->proto)) {
		if (p->extensions == 6) {
			p->flags |= SLUICE_PACKET_TOO_DEEP | SLUICE_PACKET_NO_PROTO;
			return false;
		}
		if (!read_extension(r, p))
			return false;
	}
	return has_bytes(r, 0);
}

static void read_icmp(struct reader *r, struct sluice_packet *p)
{
	if (!has_bytes(r, 2))
		return;
	p->flags |= SLUICE_PACKET_ICMP;
	p->icmp_type = (uint8_t)peek_8(r, 0);
	p->icmp_code = (uint8_t)peek_8(r, 1);
	if (p->family != 6 || p->hop_limit < 255 || (p->flags & SLUICE_PACKET_FRAGMENT))
		return;
	if (p->flags & SLUICE_PACKET_TRUNCATED)
		return;
	if (p->icmp_type > 132 && p->icmp_type < 138)
		p->flags |= SLUICE_PACKET_ND;
}

static void read_transport(struct reader *r, struct sluice_packet *p)
{
	p->l4_offset = (uint16_t)r->at;
	if ((p->family == 4 && p->proto == 1) || (p->family == 6 && p->proto == 58)) {
		read_icmp(r, p);
		return;
	}
	if (p->proto != 6 && p->proto != 17 && p->proto != 33 && p->proto != 132 && p->proto != 136)
		return;
	if (!has_bytes(r, 4))
		return;
	p->flags |= SLUICE_PACKET_PORTS;
	p->src_port = (uint16_t)peek_16(r, 0);
	p->dst_port = (uint16_t)peek_16(r, 2);
	if (p->proto != 6 || !has_bytes(r, 14))
		return;
	p->flags |= SLUICE_PACKET_TCP_FLAGS;
	p->tcp_flags = (uint8_t)peek_8(r, 13);
}

void reference_parse(const void *data, size_t n, struct sluice_packet *ret)
{
	struct reader r = {.bytes = data, .end = n};
	bool goes_on;

	memset(ret, 0, sizeof(*ret));
	ret->wire_bytes = (uint32_t)n;
	goes_on = read_link(&r, ret);
	if (goes_on && ret->ethertype == 2048)
		goes_on = read_ip4(&r, ret);
	else if (goes_on && ret->ethertype == 34525)
		goes_on = read_ip6(&r, ret);
	if (goes_on && ret->family)
		read_transport(&r, ret);
	if (r.cut)
		ret->flags |= SLUICE_PACKET_TRUNCATED;
}
