/* Writes a peer's address for people. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "httpd/httpd.h"

uint16_t httpd_peer_format(const struct sockaddr *peer, char text[HTTPD_PEER_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

	if (peer->sa_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, text, HTTPD_PEER_SIZE);
		return ntohs(v4->sin_port);
	}
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, HTTPD_PEER_SIZE);
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, text, HTTPD_PEER_SIZE);
	return ntohs(v6->sin6_port);
}
