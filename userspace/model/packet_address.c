/* Addresses and prefixes of IPv4 and IPv6 as text, read strictly. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/limit_priv.h"
#include "model/packet_priv.h"

enum {
	MAPPED_BITS = 96, /* of an IPv6 address before the IPv4 address that it carries */
};

static unsigned int longest(const struct packet_prefix *prefix)
{
	return prefix->family == 4 ? 32 : 128;
}

bool packet_number_parse(const char *text, size_t len, unsigned int most, unsigned int *ret)
{
	uint64_t value;

	if (number_parse_u64(text, len, &value) < 0 || value > most || (len > 1 && text[0] == '0'))
		return false;
	*ret = (unsigned int)value;
	return true;
}

bool packet_prefix_trim(struct packet_prefix *prefix)
{
	bool any = false;

	for (unsigned int i = 0; i < sizeof(prefix->bytes); i++) {
		unsigned int kept = prefix->length > 8 * i ? prefix->length - 8 * i : 0;
		unsigned int mask = kept >= 8 ? 0xFF : 0xFF00 >> kept & 0xFF;

		any |= prefix->bytes[i] & ~mask;
		prefix->bytes[i] &= mask;
	}
	return any;
}

void packet_prefix_format(const struct packet_prefix *prefix, char text[PACKET_PREFIX_TEXT_SIZE])
{
	size_t len;

	inet_ntop(prefix->family == 4 ? AF_INET : AF_INET6, prefix->bytes, text,
		  PACKET_PREFIX_TEXT_SIZE);
	len = strlen(text);
	if (prefix->length < longest(prefix))
		snprintf(text + len, PACKET_PREFIX_TEXT_SIZE - len, "/%u", prefix->length);
}

/* What inet_pton() takes is what it prints, but for cases and zeros of IPv6: nothing is guessed. */
static bool read_address(const char *text, size_t len, struct packet_prefix *ret)
{
	char address[INET6_ADDRSTRLEN];

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	ret->family = strchr(address, ':') ? 6 : 4;
	return inet_pton(ret->family == 4 ? AF_INET : AF_INET6, address, ret->bytes) == 1;
}

static int refuse_host_bits(const struct packet_prefix *prefix, const char *name,
			    struct field_error *error)
{
	struct packet_prefix net = *prefix, host = *prefix;
	char net_text[PACKET_PREFIX_TEXT_SIZE], host_text[PACKET_PREFIX_TEXT_SIZE];

	packet_prefix_trim(&net);
	host.length = (uint8_t)longest(&host);
	packet_prefix_format(&net, net_text);
	packet_prefix_format(&host, host_text);
	return limit_refuse(error, name, "has bits set beyond /%u: did you mean \"%s\" or \"%s\"?",
			    prefix->length, net_text, host_text);
}

/* No packet has such addresses: IPv4 arrives as IPv4. */
static int refuse_mapped(const struct packet_prefix *prefix, const char *name,
			 struct field_error *error)
{
	struct packet_prefix plain = {.family = 4};
	char text[PACKET_PREFIX_TEXT_SIZE];

	plain.length = (uint8_t)(prefix->length - MAPPED_BITS);
	memcpy(plain.bytes, prefix->bytes + MAPPED_BITS / 8, 4);
	packet_prefix_trim(&plain);
	packet_prefix_format(&plain, text);
	return limit_refuse(error, name, "is IPv4 in the form of IPv6: write \"%s\"", text);
}

static bool is_mapped(const struct packet_prefix *prefix)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xFF, [11] = 0xFF};

	return prefix->family == 6 && prefix->length >= MAPPED_BITS &&
	       memcmp(prefix->bytes, mapped, sizeof(mapped)) == 0;
}

int packet_prefix_parse(const char *text, const char *name, struct field_error *error,
			struct packet_prefix *ret)
{
	size_t len = strcspn(text, "/");
	struct packet_prefix prefix = {0}, trimmed;
	unsigned int length;

	if (!read_address(text, len, &prefix))
		return limit_refuse(error, name,
				    "must be an address or a prefix such as \"192.0.2.1\", "
				    "\"192.0.2.0/24\" or \"2001:db8::/32\"");
	length = longest(&prefix);
	if (text[len] &&
	    !packet_number_parse(text + len + 1, strlen(text + len + 1), length, &length))
		return limit_refuse(error, name,
				    "must end in a prefix length from 0 to %u: \"%.*s/%u\"", length,
				    (int)len, text, length);
	prefix.length = (uint8_t)length;
	if (is_mapped(&prefix))
		return refuse_mapped(&prefix, name, error);
	trimmed = prefix;
	if (packet_prefix_trim(&trimmed))
		return refuse_host_bits(&prefix, name, error);
	*ret = prefix;
	return 0;
}
