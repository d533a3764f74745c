/* Addresses to listen on, as people type them. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "conf/conf.h"

static bool is_loopback_ipv6(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

static bool parse_ipv4(const char *host, uint16_t port, struct conf_address *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&ret->at;

	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	ret->len = sizeof(*in);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return false;
	ret->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return true;
}

static bool parse_ipv6(const char *host, uint16_t port, struct conf_address *ret)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->at;

	*in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	ret->len = sizeof(*in);
	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return false;
	ret->loopback = is_loopback_ipv6(&in->sin6_addr);
	return true;
}

bool address_parse(const char *text, struct conf_address *ret)
{
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
	const char *host = bracketed ? text + 1 : text;
	char name[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t len;

	if (!colon || number_parse_u64(colon + 1, strlen(colon + 1), &port) || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - host) - bracketed;
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return bracketed ? parse_ipv6(name, (uint16_t)port, ret) :
			   parse_ipv4(name, (uint16_t)port, ret);
}

void address_format(const struct conf_address *address, uint16_t port, char text[ADDRESS_TEXT_SIZE])
{
	bool ipv6 = address->at.ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "?";

	if (ipv6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&address->at)->sin6_addr, host,
			  sizeof(host));
	else
		inet_ntop(AF_INET, &((const struct sockaddr_in *)&address->at)->sin_addr, host,
			  sizeof(host));
	snprintf(text, ADDRESS_TEXT_SIZE, ipv6 ? "[%s]:%u" : "%s:%u", host, port);
}

uint16_t address_port(const struct conf_address *address)
{
	if (address->at.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&address->at)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&address->at)->sin_port);
}
