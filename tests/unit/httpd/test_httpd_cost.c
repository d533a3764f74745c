/* What a request costs: no allocation when it arrives whole, no memory for chunk framing. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpd/httpd_priv.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

#define HOST "Host: x\r\n"

static atomic_uint allocations;

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
/* The sanitizer's allocator tells of each allocation. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
					      void (*freed)(const volatile void *));

static void note_allocation(const volatile void *memory, size_t size)
{
	atomic_fetch_add(&allocations, 1);
}

static void note_free(const volatile void *memory)
{
}

static void start_counting(void)
{
	assert_int_not_equal(__sanitizer_install_malloc_and_free_hooks(note_allocation, note_free),
			     0);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(memory, size);
}

static void start_counting(void)
{
}
#endif

static void request_that_arrives_whole_allocates_nothing(void **state)
{
	static const char request[] = "POST /a?b HTTP/1.1\r\n" HOST "User-Agent: test\r\n"
				      "Content-Length: 3\r\n\r\nabc";
	struct httpd_config config = server_config();
	struct server server;
	unsigned int before;
	char answer[1000];
	int fd;

	start_counting();
	server_start(&server, &config);
	fd = client_connect(server.port);
	for (int i = 0; i < 110; i++) {
		if (i == 10)
			before = atomic_load(&allocations);
		client_send(fd, request, sizeof(request) - 1);
		assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	}
	assert_true(before > 0);
	assert_int_equal(atomic_load(&allocations), before);
	close(fd);
	server_stop(&server);
}

static size_t take_64(const struct httpd_request *request, void *data)
{
	return 64;
}

/* Megabytes of extensions and trailers around four bytes of body stay out of the buffer. */
static void chunk_framing_and_trailers_are_not_kept(void **state)
{
	static const struct httpd server = {.config.handler.body_max = take_64};
	static const char head[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
	char *base = malloc(200000);
	struct parse parse;
	size_t head_len = sizeof(head) - 1;

	parse_reset(&parse);
	memcpy(base, head, head_len);
	parse_feed(&parse, &server, base, head_len);
	assert_int_equal(parse.fed, head_len);
	memcpy(base + parse.fed, "4;", 2);
	memset(base + parse.fed + 2, 'x', 100000);
	parse_feed(&parse, &server, base, parse.fed + 100002);
	assert_int_equal(parse.fed, head_len);
	memcpy(base + parse.fed, "\r\nabcd\r\n0\r\n", 11);
	parse_feed(&parse, &server, base, parse.fed + 11);
	assert_int_equal(parse.fed, head_len + 4);
	for (int i = 0; i < 100; i++) {
		memset(base + parse.fed, 't', 1000);
		memcpy(base + parse.fed + 500, ": ", 2);
		memcpy(base + parse.fed + 998, "\r\n", 2);
		parse_feed(&parse, &server, base, parse.fed + 1000);
		assert_int_equal(parse.fed, head_len + 4);
		assert_int_equal(parse.n_headers, 2);
	}
	memcpy(base + parse.fed, "\r\nGET", 5);
	parse_feed(&parse, &server, base, parse.fed + 5);
	assert_true(parse.complete);
	assert_int_equal(parse.refused_status, 0);
	assert_memory_equal(base + parse.fed, "GET", 3);
	assert_memory_equal(base + parse.head_len, "abcd", parse.body_len);
	free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_that_arrives_whole_allocates_nothing),
		cmocka_unit_test(chunk_framing_and_trailers_are_not_kept),
	};

	return cmocka_run_group_tests_name("httpd_cost", tests, NULL, NULL);
}
