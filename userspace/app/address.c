/* Addresses to listen on, as people type them. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "base/number.h"

static int refuse_address(const char *text, struct field_error *error)
{
	field_error_set(error, "--listen",
			"'%s' is no ADDRESS:PORT such as 127.0.0.1:4000 or [::1]:4000", text);
	return OPTIONS_E_INVALID;
}

static bool is_loopback_ipv6(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static bool parse_ipv4(const char *host, uint16_t port, struct options *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&ret->listen;

	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	ret->listen_len = sizeof(*in);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return false;
	ret->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return true;
}

static bool parse_ipv6(const char *host, uint16_t port, struct options *ret)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->listen;

	*in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	ret->listen_len = sizeof(*in);
	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return false;
	ret->loopback = is_loopback_ipv6(&in->sin6_addr);
	return true;
}

int address_parse(const char *text, struct field_error *error, struct options *ret)
{
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
	const char *host = bracketed ? text + 1 : text;
	char name[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t len;

	if (!colon || number_parse_u64(colon + 1, strlen(colon + 1), &port) || port > UINT16_MAX)
		return refuse_address(text, error);
	len = (size_t)(colon - host) - bracketed;
	if (len >= sizeof(name))
		return refuse_address(text, error);
	memcpy(name, host, len);
	name[len] = '\0';
	if (bracketed ? parse_ipv6(name, (uint16_t)port, ret) :
			parse_ipv4(name, (uint16_t)port, ret))
		return 0;
	return refuse_address(text, error);
}

void address_format(const struct options *options, uint16_t port, char text[ADDRESS_TEXT_SIZE])
{
	bool ipv6 = options->listen.ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "?";

	if (ipv6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&options->listen)->sin6_addr,
			  host, sizeof(host));
	else
		inet_ntop(AF_INET, &((const struct sockaddr_in *)&options->listen)->sin_addr, host,
			  sizeof(host));
	snprintf(text, ADDRESS_TEXT_SIZE, ipv6 ? "[%s]:%u" : "%s:%u", host, port);
}
