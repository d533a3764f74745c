/* Packets by name with what the parser must say of them, for native code and the kernel. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include <sluice/packet.h>

#include "bpf/packets.h"

struct parse_case {
	const char *name;
	void (*build)(struct packet *p);
	uint8_t family, proto;
	uint32_t flags;
	uint16_t dst_port;
	uint8_t extensions, vlans;
};

extern const struct parse_case parse_cases[];
extern const size_t parse_cases_n;

bool parse_case_matches(const struct parse_case *c, const struct packet *packet,
			const struct sluice_packet *parsed);
