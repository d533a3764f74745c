/* Which packets a limit of packets is for, and for what it counts: validated, canonical. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/tables.h>

#include "base/buf.h"

enum {
	PACKET_LIST_MAX = 64, /* values of one member of match */
};

/* Bits beyond `length` are 0. */
struct packet_prefix {
	uint8_t family;    /* 4 or 6 */
	uint8_t length;    /* 0..32 or 0..128 */
	uint8_t bytes[16]; /* as on the wire; IPv4: the first 4 */
};

struct packet_ports {
	uint16_t first;
	uint16_t last; /* inclusive, not below first */
};

/*
 * A count of 0: the member was not given, and every packet fits. Lists are in the user's order.
 * What has no ports (ICMP) never fits a dst_port, with or without proto beside it.
 */
struct packet_match {
	struct packet_prefix dst[PACKET_LIST_MAX];
	struct packet_prefix src[PACKET_LIST_MAX];
	struct packet_ports dst_port[PACKET_LIST_MAX];
	uint8_t proto[PACKET_LIST_MAX];
	uint32_t n_dst, n_src, n_dst_port, n_proto;
	enum sluice_per per;
	uint8_t per_length4; /* of per's address: 32 unless written */
	uint8_t per_length6; /* 64 unless written */
};

/* Takes every packet and counts all in one bucket. */
void packet_match_init(struct packet_match *match);
/* Whether a packet of this family (4 or 6) can match at all: addresses of the other exclude it. */
bool packet_match_takes(const struct packet_match *match, unsigned int family);
/* Whether the transport protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
bool packet_proto_has_ports(uint8_t proto);

/*
 * Whether both count the same packets in the same buckets, however they are written: order,
 * prefixes and ranges that overlap or complete each other, and addresses of a family that another
 * member excludes make no difference.
 */
bool packet_match_same(const struct packet_match *a, const struct packet_match *b);
/* Text that is equal exactly for those that are the same, for an index of them. */
void packet_match_format(const struct packet_match *match, struct buf *buf);
