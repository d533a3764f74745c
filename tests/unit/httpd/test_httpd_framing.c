/* What counts as one request: each form that RFC 9112 allows or that peers read differently. */
/* SPDX-License-Identifier: MIT */
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

#define HOST        "Host: x\r\n"
#define POST        "POST / HTTP/1.1\r\n" HOST
#define CHUNKED     POST "Transfer-Encoding: chunked\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1
/* Would be answered, too, if the connection were kept. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\n" HOST "\r\n"

static struct server server;

/* Sends, says that nothing more comes, and returns all that is answered. */
static char *exchange(const char *bytes, size_t len)
{
	int fd = client_connect(server.port);
	char *answers;

	client_send(fd, bytes, len);
	shutdown(fd, SHUT_WR);
	answers = client_read_to_end(fd);
	close(fd);
	return answers;
}

struct row {
	const char *bytes;
	size_t len;
	unsigned int status;
};

static void check_refused(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char bytes[20000], expected[64];
		char *answers, *statuses;

		memcpy(bytes, rows[i].bytes, rows[i].len);
		memcpy(bytes + rows[i].len, SMUGGLED, sizeof(SMUGGLED) - 1);
		answers = exchange(bytes, rows[i].len + sizeof(SMUGGLED) - 1);
		statuses = client_statuses(answers);
		snprintf(expected, sizeof(expected), "%u ", rows[i].status);
		if (strcmp(statuses, expected) != 0)
			print_error("row %zu: %s\n%s\n", i, rows[i].bytes, answers);
		assert_string_equal(statuses, expected);
		assert_non_null(strstr(answers, "\r\nConnection: close\r\n"));
		assert_null(strstr(answers, "smuggled"));
		free(statuses);
		free(answers);
	}
}

static void length_in_doubt_is_refused_once(void **state)
{
	static const struct row rows[] = {
		{BYTES(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 5, 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 5 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: +5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 0x5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: -1\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length:\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length:\r\n 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 18446744073709551616\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 18446744073709551615\r\n\r\nhello"), 413},
		{BYTES(POST "Content-Length : 5\r\n\r\nhello"), 400},
		{BYTES(POST " Content-Length: 5\r\n\r\nhello"), 400},
		{BYTES(POST " Content-Length : 5\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length\r\n\r\nhello"), 400},
		{BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		 400},
		{BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
		 400},
		{BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
		 400},
		{BYTES(POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"), 400},
		{BYTES(POST "Transfer-Encoding: identity\r\n\r\nhello"), 400},
		{BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501},
		{BYTES(POST "Transfer-Encoding: gzip,chunked\r\n\r\n0\r\n\r\n"), 501},
		{BYTES(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400},
		{BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "0\r\n\r\n"),
		 400},
		{BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
	};

	check_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

static void chunks_in_doubt_are_refused_once(void **state)
{
	static const struct row rows[] = {
		{BYTES(CHUNKED "5\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "5\r\nhello\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "5\r\nhello\r\n0\n\r\n"), 400},
		{BYTES(CHUNKED "5\r\nhello\r\n0\r\n\n"), 400},
		{BYTES(CHUNKED "5\r\nhello\r\n0\r\nA: b\n\r\n"), 400},
		{BYTES(CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n\n"), 400},
		{BYTES(CHUNKED "5;a\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "5\r\nhelloXX0\r\n\r\n"), 400},
		{BYTES(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
		{BYTES(CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 413},
		{BYTES(CHUNKED "3e8\r\n"), 400}, /* 1000 bytes, then not a chunk's end */
		{BYTES(CHUNKED "3e9\r\n"), 413},
		{BYTES(CHUNKED "5\r\nhello\r\n3e4\r\n"), 413},
		{BYTES(CHUNKED "5\r\nhello\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"), 400},
	};
	struct row long_row = {NULL, 0, 400};
	static char bytes[4000];

	check_refused(rows, 17);
	check_refused(rows + 18, sizeof(rows) / sizeof(rows[0]) - 18);
	long_row.len = (size_t)snprintf(bytes, sizeof(bytes), "%s%01000d", rows[17].bytes, 0);
	long_row.bytes = bytes;
	check_refused(&long_row, 1);
}

static void lines_in_doubt_are_refused_once(void **state)
{
	static const struct row rows[] = {
		{BYTES("GET / HTTP/1.1\n" HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\nHost: x\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A:\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\rHost: x\r\n\r\n"), 505},
		{BYTES("GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\r\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "\r\r\n"), 400},
		{BYTES("\nGET / HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("\rGET / HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A:\r\n c\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A:\r\n \r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n Host: y\r\n" HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A\t: b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A\0: b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "\xc3\xa4: b\r\n\r\n"), 400},
		{BYTES("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET /  HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1 \r\n" HOST "\r\n"), 505},
		{BYTES("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET /\tHTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES(" GET / HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400},
		{BYTES("GET / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n"), 417},
	};

	check_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

static void target_method_and_version_are_judged(void **state)
{
	static const struct row rows[] = {
		{BYTES("GET / HTTP/2.0\r\n" HOST "\r\n"), 505},
		{BYTES("GET / HTTP/1.2\r\n" HOST "\r\n"), 505},
		{BYTES("GET / HTTP/11.1\r\n" HOST "\r\n"), 505},
		{BYTES("GET / HTTP/0.9\r\n\r\n"), 505},
		{BYTES("GET /\r\n\r\n"), 505},
		{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
		{BYTES("GET / http/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("OPTIONS rtsp://x/a RTSP/1.0\r\n\r\n"), 400},
		{BYTES("DESCRIBE /a RTSP/1.0\r\n\r\n"), 400},
		{BYTES("SOURCE /a ICE/1.0\r\n\r\n"), 400},
		{BYTES("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET a HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET x:80 HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET * HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("OPTIONS *x HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET ftp://x/a HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET http://u@x/a HTTP/1.1\r\n" HOST "\r\n"), 400},
		{BYTES("GET http://x HTTP/1.1\r\n\r\n"), 400},
		{BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
	};

	check_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

static void method_unknown_is_405_and_named(void **state)
{
	static const char *const rows[][2] = {
		{"FOO /a?b HTTP/1.1\r\n" HOST "\r\n", "FOO /a"},
		{"\r\nget / HTTP/1.1\r\n" HOST "\r\n", "get /"},
		{"GETX /a HTTP/1.1\r\n" HOST "\r\n", "GETX /a"},
		{"FOO /a\n" HOST "\r\n", "FOO /a"},
		{"CONNECT x:80 HTTP/1.1\r\n" HOST "\r\n", "CONNECT x:80"},
		{"FOO http://h/a HTTP/1.1\r\n", "FOO /a"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[200];
		char *answers = exchange(rows[i][0], strlen(rows[i][0]));

		snprintf(expected, sizeof(expected),
			 "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n%s",
			 strlen(rows[i][1]), rows[i][1]);
		assert_string_equal(answers, expected);
		free(answers);
	}
}

/* One request each: what the handler was given. */
static void request_of_any_valid_form_is_taken(void **state)
{
	static const char *const rows[][2] = {
		{"GET /a?b=c HTTP/1.1\r\n" HOST "\r\n", "GET /a?b=c headers=1 []"},
		{"GET /a? HTTP/1.1\r\n" HOST "\r\n", "GET /a? headers=1 []"},
		{"GET /a?b?c HTTP/1.1\r\n" HOST "\r\n", "GET /a?b?c headers=1 []"},
		{"GET / HTTP/1.1\r\nhOsT:x\r\n\r\n", "GET / headers=1 []"},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / headers=1 []"},
		{"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / headers=1 []"},
		{"GET / HTTP/1.1\r\n" HOST "A: \t b c \t \r\n\r\n", "GET / headers=2 b c []"},
		{"GET / HTTP/1.1\r\n" HOST "A: \xc3\xa4\r\nB:\r\nC: \t\r\n\r\n",
		 "GET / headers=4 \xc3\xa4   []"},
		{"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET / headers=1 []"},
		{"GET http://h/p?q HTTP/1.1\r\n" HOST "\r\n", "GET /p?q headers=1 []"},
		{"GET HTTPS://h:8/p HTTP/1.1\r\n" HOST "\r\n", "GET /p headers=1 []"},
		{"GET http://h HTTP/1.1\r\n" HOST "\r\n", "GET / headers=1 []"},
		{"GET http://h?q HTTP/1.1\r\n" HOST "\r\n", "GET /?q headers=1 []"},
		{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * headers=1 []"},
		{"M-SEARCH / HTTP/1.1\r\n" HOST "\r\n", "M-SEARCH / headers=1 []"},
		{POST "Content-Length: 5\r\n\r\nhello", "POST / headers=2 [hello]"},
		{POST "Content-Length: 005 \r\n\r\nhello", "POST / headers=2 [hello]"},
		{POST "Content-Length: 0\r\n\r\n", "POST / headers=2 []"},
		{POST "\r\n", "POST / headers=1 []"},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", "GET / headers=2 [ab]"},
		{POST "Transfer-Encoding: Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		 "POST / headers=2 [hello]"},
		{CHUNKED "0\r\n\r\n", "POST / headers=2 []"},
		{CHUNKED "1;x=y\r\nh\r\n2;z\r\nel\r\n002\r\nlo\r\n0;e\r\nA: b\r\nHost: z\r\n\r\n",
		 "POST / headers=2 [hello]"},
		{POST "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi",
		 "POST / headers=4 [hi]"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const char after[] = "GET /next HTTP/1.1\r\n" HOST "\r\n";
		static const char next[] = "GET /next headers=1 []";
		char bytes[500], expected[500];
		char *answers;

		snprintf(bytes, sizeof(bytes), "%s%s", rows[i][0], after);
		snprintf(expected, sizeof(expected),
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s"
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(rows[i][1]), rows[i][1], strlen(next), next);
		answers = exchange(bytes, strlen(bytes));
		assert_string_equal(answers, expected);
		free(answers);
	}
}

static void connection_is_kept_as_version_and_header_say(void **state)
{
#define NEXT "GET / HTTP/1.1\r\n" HOST "\r\n"
	static const struct {
		const char *bytes;
		const char *head;
		const char *statuses;
	} rows[] = {
		{"GET / HTTP/1.0\r\n\r\n" NEXT, "\r\nConnection: close\r\n", "200 "},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT,
		 "\r\nConnection: keep-alive\r\n", "200 200 "},
		{"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n" NEXT, "", "200 "},
		{"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" NEXT,
		 "\r\nConnection: close\r\n", "200 "},
		{"GET / HTTP/1.1\r\n" HOST "Connection: a, Close \r\n\r\n" NEXT,
		 "\r\nConnection: close\r\n", "200 "},
		{"GET / HTTP/1.1\r\n" HOST "Connection: a\r\nConnection: close\r\n\r\n" NEXT,
		 "\r\nConnection: close\r\n", "200 "},
		{"GET /close HTTP/1.1\r\n" HOST "\r\n" NEXT, "\r\nConnection: close\r\n", "200 "},
		{"GET /204 HTTP/1.1\r\n" HOST "\r\n" NEXT, "204 No Content\r\n\r\n", "204 200 "},
		{"HEAD /a HTTP/1.1\r\n" HOST "\r\n" NEXT, "Content-Length: 20\r\n\r\nHTTP/1.1",
		 "200 200 "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *answers = exchange(rows[i].bytes, strlen(rows[i].bytes));
		char *statuses = client_statuses(answers);

		assert_string_equal(statuses, rows[i].statuses);
		assert_non_null(strstr(answers, rows[i].head));
		free(statuses);
		free(answers);
	}
}

static char *repeat_header(unsigned int n, size_t value_len)
{
	char *bytes = malloc(200 + n * (value_len + 10));
	size_t len = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\n" HOST);

	for (unsigned int i = 0; i < n; i++)
		len += (size_t)sprintf(bytes + len, "Ab: %0*u\r\n", (int)value_len, i);
	sprintf(bytes + len, "\r\n");
	return bytes;
}

static void check_head(char *bytes, const char *expected)
{
	char *answers = exchange(bytes, strlen(bytes));
	char *statuses = client_statuses(answers);

	assert_string_equal(statuses, expected);
	free(statuses);
	free(answers);
	free(bytes);
}

static void head_beyond_its_bounds_is_431(void **state)
{
	check_head(repeat_header(63, 1), "200 ");
	check_head(repeat_header(64, 1), "431 ");
	/* 16 + 9 + 6 + 2 bytes beside the value. */
	check_head(repeat_header(1, HTTPD_HEAD_MAX - 33), "200 ");
	check_head(repeat_header(1, HTTPD_HEAD_MAX - 32), "431 ");
	check_head(repeat_header(10, 20000), "431 ");
}

static int start(void **state)
{
	struct httpd_config config = server_config();

	server_start(&server, &config);
	return 0;
}

static int stop(void **state)
{
	server_stop(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_in_doubt_is_refused_once),
		cmocka_unit_test(chunks_in_doubt_are_refused_once),
		cmocka_unit_test(lines_in_doubt_are_refused_once),
		cmocka_unit_test(target_method_and_version_are_judged),
		cmocka_unit_test(method_unknown_is_405_and_named),
		cmocka_unit_test(request_of_any_valid_form_is_taken),
		cmocka_unit_test(connection_is_kept_as_version_and_header_say),
		cmocka_unit_test(head_beyond_its_bounds_is_431),
	};
	int failed = cmocka_run_group_tests_name("httpd_framing", tests, start, stop);

	server_use_tls();
	return failed + cmocka_run_group_tests_name("httpd_framing over TLS", tests, start, stop);
}
