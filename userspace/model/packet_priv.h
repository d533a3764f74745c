/* The parts of a match: addresses, protocols and the length of numbers in them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/field_error.h"
#include "model/packet_match.h"

enum {
	PACKET_PREFIX_TEXT_SIZE = 52, /* an IPv6 address, "/128" and a NUL */
};

/*
 * "192.0.2.0/24", "2001:db8::/32", or an address alone. 0 or MODEL_E_INVALID, its message saying
 * what was probably meant; `name` is the field at fault.
 */
int packet_prefix_parse(const char *text, const char *name, struct field_error *error,
			struct packet_prefix *ret);
/* The shortest form that packet_prefix_parse() reads back: an address alone where it is one. */
void packet_prefix_format(const struct packet_prefix *prefix, char text[PACKET_PREFIX_TEXT_SIZE]);

/* Clears the bits beyond the length; says whether any was set. */
bool packet_prefix_trim(struct packet_prefix *prefix);

/* Decimal digits without leading zeros, at most `most`. Says whether that is what it is. */
bool packet_number_parse(const char *text, size_t len, unsigned int most, unsigned int *ret);

/* Extension headers of IPv6, which bpf/parse.h walks past. */
bool packet_proto_is_extension(uint8_t proto);

/* Names that people know: NULL if it has none; -1 if it is none. */
const char *packet_proto_name(uint8_t proto);
int packet_proto_find(const char *name);
/* The name that was meant, or NULL. */
const char *packet_proto_suggest(const char *name);

/* Whether the addresses of match bear the length of per: beyond /64 only IPv6 alone may go. */
int packet_per_check(const struct packet_match *match, struct field_error *error);
