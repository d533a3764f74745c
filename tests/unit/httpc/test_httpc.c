/* The client against a server of one canned answer: what it sends, takes and refuses. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpc/httpc.h"

/* Takes one connection, reads what comes at once, answers, closes; NULL answers nothing. */
struct canned {
	int fd;
	char url[64];
	const char *answer;
	char got[4096];
	pthread_t thread;
};

static void *serve(void *data)
{
	struct canned *canned = data;
	int fd = accept4(canned->fd, NULL, NULL, SOCK_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	/* A body follows its head in one piece or two: all bodies here end in }. */
	do {
		n = read(fd, canned->got + len, sizeof(canned->got) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && !strstr(canned->got, "\r\n\r\n"));
	while (n > 0 && strstr(canned->got, "Content-Length") && canned->got[len - 1] != '}') {
		n = read(fd, canned->got + len, sizeof(canned->got) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (canned->answer)
		assert_int_equal(write(fd, canned->answer, strlen(canned->answer)),
				 strlen(canned->answer));
	else
		assert_int_equal(read(fd, canned->got, 1), 0);
	close(fd);
	return NULL;
}

static void open_port(struct canned *canned)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	canned->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(canned->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(canned->fd, 8), 0);
	getsockname(canned->fd, (struct sockaddr *)&address, &len);
	snprintf(canned->url, sizeof(canned->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
}

static void start(struct canned *canned, const char *answer)
{
	memset(canned, 0, sizeof(*canned));
	canned->answer = answer;
	open_port(canned);
	assert_int_equal(pthread_create(&canned->thread, NULL, serve, canned), 0);
}

static void finish(struct canned *canned)
{
	pthread_join(canned->thread, NULL);
	close(canned->fd);
}

static struct httpc *open_client(const char *url, const char *bearer, uint32_t timeout_ms)
{
	const struct httpc_config config = {.url = url, .bearer = bearer, .timeout_ms = timeout_ms};
	struct field_error error;
	struct httpc *httpc = NULL;

	assert_int_equal(httpc_new(&config, &error, &httpc), 0);
	return httpc;
}

static void request_carries_key_body_and_if_match(void **state)
{
	const struct httpc_request request = {.method = "PUT",
					      .path = "/api/limits/a",
					      .json = "{\"limit\":1}",
					      .json_len = 11,
					      .if_match = "\"7\""};
	struct httpc_answer answer = {0};
	struct field_error error;
	struct canned canned;
	struct httpc *httpc;

	start(&canned, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
	httpc = open_client(canned.url, "a-key", 5000);
	assert_int_equal(httpc_ask(httpc, &request, &error, &answer), 0);
	httpc_free(httpc);
	finish(&canned);
	assert_int_equal(answer.status, 201);
	assert_string_equal(answer.body.data, "{}");
	buf_done(&answer.body);
	assert_int_equal(strncmp(canned.got, "PUT /api/limits/a HTTP/1.1\r\n", 28), 0);
	assert_non_null(strstr(canned.got, "\r\nAuthorization: Bearer a-key\r\n"));
	assert_non_null(strstr(canned.got, "\r\nIf-Match: \"7\"\r\n"));
	assert_non_null(strstr(canned.got, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(canned.got, "\r\n\r\n{\"limit\":1}"));
	assert_null(strstr(canned.got, "Expect:"));
}

static void redirect_and_proxy_are_not_followed(void **state)
{
	const struct httpc_request request = {.method = "GET", .path = "/a/../b?c=%20"};
	struct httpc_answer answer = {0};
	struct field_error error;
	struct canned canned, proxy;
	struct httpc *httpc;
	char base[80];

	memset(&proxy, 0, sizeof(proxy));
	open_port(&proxy);
	close(proxy.fd);
	setenv("http_proxy", proxy.url, 1);
	start(&canned, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
	snprintf(base, sizeof(base), "%s/below/", canned.url);
	httpc = open_client(base, "k", 5000);
	assert_int_equal(httpc_ask(httpc, &request, &error, &answer), 0);
	httpc_free(httpc);
	finish(&canned);
	unsetenv("http_proxy");
	buf_done(&answer.body);
	assert_int_equal(answer.status, 302);
	assert_int_equal(strncmp(canned.got, "GET /below/a/../b?c=%20 HTTP/1.1\r\n", 34), 0);
}

static void no_answer_is_an_outcome_of_its_own(void **state)
{
	static const struct {
		const char *answer;
		uint32_t timeout_ms;
		int outcome;
		const char *message;
	} rows[] = {
		{NULL, 50, HTTPC_E_TIMEOUT, "no answer in 0.05 s"},
		{"", 5000, HTTPC_E_FAILED, ""},
		{"SSH-2.0\r\n", 5000, HTTPC_E_FAILED, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 5000, HTTPC_E_FAILED, ""},
	};
	const struct httpc_request request = {.method = "GET", .path = "/"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct httpc_answer answer = {0};
		struct field_error error = {.field = ""};
		struct canned canned;
		struct httpc *httpc;

		start(&canned, rows[i].answer);
		httpc = open_client(canned.url, NULL, rows[i].timeout_ms);
		assert_int_equal(httpc_ask(httpc, &request, &error, &answer), rows[i].outcome);
		httpc_free(httpc);
		finish(&canned);
		buf_done(&answer.body);
		assert_string_equal(error.field, canned.url);
		assert_non_null(strstr(error.message, rows[i].message));
		assert_true(*error.message);
	}
}

static void closed_port_is_refused(void **state)
{
	const struct httpc_request request = {.method = "GET", .path = "/"};
	struct httpc_answer answer = {0};
	struct field_error error;
	struct canned canned;
	struct httpc *httpc;

	memset(&canned, 0, sizeof(canned));
	open_port(&canned);
	close(canned.fd);
	httpc = open_client(canned.url, NULL, 5000);
	assert_int_equal(httpc_ask(httpc, &request, &error, &answer), HTTPC_E_REFUSED);
	httpc_free(httpc);
	buf_done(&answer.body);
	assert_string_equal(error.field, canned.url);
}

static void url_that_is_none_is_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"127.0.0.1:4000",
		"ftp://127.0.0.1",
		"file:///etc/passwd",
		"http://",
		"http://user:word@127.0.0.1",
		"http://user@127.0.0.1",
		"http://127.0.0.1/?a=b",
		"http://127.0.0.1/#a",
		"http://127.0.0.1:65536",
		"http://127.0.0.1:4000 ",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct httpc_config config = {.url = urls[i], .timeout_ms = 1000};
		struct field_error error;
		struct httpc *httpc = NULL;

		if (httpc_new(&config, &error, &httpc) != HTTPC_E_INVALID)
			fail_msg("'%s' was taken", urls[i]);
		assert_null(httpc);
		assert_string_equal(error.field, urls[i]);
	}
}

static void escaped_text_is_one_segment(void **state)
{
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	httpc_put_escaped(&buf, "aZ09-._~/?&=%+ \0\xC3\xA4", 18);
	assert_string_equal(buf.data, "aZ09-._~%2F%3F%26%3D%25%2B%20%00%C3%A4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_carries_key_body_and_if_match),
		cmocka_unit_test(redirect_and_proxy_are_not_followed),
		cmocka_unit_test(no_answer_is_an_outcome_of_its_own),
		cmocka_unit_test(closed_port_is_refused),
		cmocka_unit_test(url_that_is_none_is_refused),
		cmocka_unit_test(escaped_text_is_one_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
