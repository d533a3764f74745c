/* Builds packets for tests, header by header, well-formed or not. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "unit/algorithm/random.h"

enum { PACKET_MAX = 1600 };

struct packet {
	uint8_t bytes[PACKET_MAX];
	uint32_t n;
	uint32_t type_at;   /* where the ethertype of the next header goes */
	uint32_t length_at; /* the IP length field; 0: none */
	uint32_t length_of; /* offset that the IP length counts from */
};

struct packet_ip4 {
	uint8_t ihl; /* 0: 5 */
	uint8_t proto;
	uint16_t fragment; /* flags and offset, as the field */
};

struct packet_ip6 {
	uint8_t next;
	uint8_t hop_limit;
};

/* Each appends one header; eth starts over. What does not fit is left out. */
void packet_eth(struct packet *p, uint16_t type);
void packet_vlan(struct packet *p, uint16_t type, uint16_t tci);
void packet_ip4(struct packet *p, struct packet_ip4 ip);
void packet_ip6(struct packet *p, struct packet_ip6 ip);
/* `length` is the header's own length field; the body is zeros. */
void packet_ext(struct packet *p, uint8_t kind, uint8_t next, uint8_t length);
/* `fragment` is the field: offset in its upper 13 bits. */
void packet_fragment(struct packet *p, uint8_t next, uint16_t fragment);
void packet_tcp(struct packet *p, uint16_t src, uint16_t dst, uint8_t flags);
void packet_udp(struct packet *p, uint16_t src, uint16_t dst);
void packet_icmp(struct packet *p, uint8_t type, uint8_t code);
void packet_fill(struct packet *p, uint8_t value, uint32_t n);
/* Writes the IP length as the packet now stands. */
void packet_finish(struct packet *p);

/* Any packet: built, then perhaps cut, and with a few bytes changed. At least `least` bytes. */
void packet_random(struct algo_random *r, uint32_t least, struct packet *ret);
