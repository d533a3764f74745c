/* Who a request comes from: its own peer on every loop, also when that has gone away. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

enum { CLIENTS = 8 };

static uint16_t port_of(int fd)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	return ntohs(own.sin_port);
}

static void expect_peer(int fd)
{
	char expected[64], *answer;

	snprintf(expected, sizeof(expected), "\r\n\r\n127.0.0.1 %u", port_of(fd));
	client_send_text(fd, GET("/peer"));
	answer = client_read_answers(fd, 1);
	assert_non_null(strstr(answer, expected));
	free(answer);
}

/* Connections are dealt out to the loops, by way of their inboxes. */
static void peer_of_each_connection_is_its_own_on_every_loop(void **state)
{
	struct httpd_config config = server_config();
	struct server server;
	int fds[CLIENTS];

	config.threads = 3;
	server_start(&server, &config);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(server.port);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < CLIENTS; i++)
			expect_peer(fds[i]);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	server_stop(&server);
}

static void peer_of_ipv4_on_a_socket_for_both_is_shown_as_ipv4(void **state)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct httpd_config config = server_config();
	struct server server;
	int fd;

	config.address = (const struct sockaddr *)&any;
	config.address_len = sizeof(any);
	server_start(&server, &config);
	fd = client_connect(server.port);
	expect_peer(fd);
	close(fd);
	server_stop(&server);
}

/* Who sends and resets at once is known all the same. */
static void peer_that_reset_is_still_known(void **state)
{
	const struct linger hard = {.l_onoff = 1};
	struct httpd_config config = server_config();
	struct httpd_exchange *exchange;
	char shown[HTTPD_PEER_SIZE];
	struct server server;
	uint16_t port;
	int fd;

	server_start(&server, &config);
	fd = client_connect(server.port);
	port = port_of(fd);
	client_send_text(fd, GET("/defer"));
	exchange = server_take_deferred();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	assert_int_equal(httpd_peer_format(httpd_request_of(exchange)->peer, shown), port);
	assert_string_equal(shown, "127.0.0.1");
	server_answer(exchange);
	server_stop(&server);
}

static void peer_is_written_in_its_usual_form(void **state)
{
	static const struct {
		const char *address, *shown;
	} rows[] = {
		{"2001:db8::1", "2001:db8::1"},
		{"::1", "::1"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char shown[HTTPD_PEER_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, &peer.sin6_addr), 1);
		assert_int_equal(httpd_peer_format((struct sockaddr *)&peer, shown), 65535);
		assert_string_equal(shown, rows[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_of_each_connection_is_its_own_on_every_loop),
		cmocka_unit_test(peer_of_ipv4_on_a_socket_for_both_is_shown_as_ipv4),
		cmocka_unit_test(peer_that_reset_is_still_known),
		cmocka_unit_test(peer_is_written_in_its_usual_form),
	};

	return cmocka_run_group_tests_name("httpd_peer", tests, NULL, NULL);
}
