/* Reads and writes a blocking socket, with a bound on every wait. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/httpd/client.h"
#include "unit/httpd/tunnel.h"

static bool speaks_tls;

void client_speak_tls(void)
{
	speaks_tls = true;
}

static void bound_waits(int fd)
{
	struct timeval wait = {.tv_sec = CLIENT_WAIT_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

int client_connect(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	bound_waits(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (!speaks_tls)
		return fd;
	fd = tunnel_open(fd);
	bound_waits(fd);
	return fd;
}

void client_send(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		bytes += n;
		len -= (size_t)n;
	}
}

void client_send_text(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

struct text {
	char *data;
	size_t len, size;
};

static void make_room(struct text *text, size_t len)
{
	if (text->len + len < text->size)
		return;
	text->size = (text->len + len) * 2;
	text->data = realloc(text->data, text->size);
}

/* 0: the peer's end. */
static size_t read_more(int fd, struct text *text)
{
	struct pollfd waited = {.fd = fd, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&waited, 1, CLIENT_WAIT_MS), 1);
	make_room(text, 65536);
	n = recv(fd, text->data + text->len, 65536, 0);
	assert_true(n >= 0);
	text->len += (size_t)n;
	text->data[text->len] = '\0';
	return (size_t)n;
}

static void drop_dates(char *text)
{
	char *at, *end;

	for (at = text; (at = strstr(at, "\r\nDate: "));) {
		end = strstr(at + 2, "\r\n");
		memmove(at, end, strlen(end) + 1);
	}
}

char *client_read_to_end(int fd)
{
	struct text text = {calloc(1, 1), 0, 1};

	while (read_more(fd, &text))
		;
	drop_dates(text.data);
	return text.data;
}

static void read_exactly(int fd, struct text *text, size_t len)
{
	make_room(text, len);
	while (len) {
		ssize_t n = recv(fd, text->data + text->len, len, 0);

		assert_true(n > 0);
		text->len += (size_t)n;
		len -= (size_t)n;
	}
	text->data[text->len] = '\0';
}

char *client_read_answers(int fd, unsigned int n)
{
	struct text text = {calloc(1, 1), 0, 1};

	for (; n; n--) {
		size_t head = text.len;
		const char *length;

		while (text.len - head < 4 || strcmp(text.data + text.len - 4, "\r\n\r\n") != 0)
			read_exactly(fd, &text, 1);
		length = strstr(text.data + head, "Content-Length: ");
		if (length)
			read_exactly(fd, &text, strtoul(length + 16, NULL, 10));
	}
	drop_dates(text.data);
	return text.data;
}

int client_sees_end(int fd, int wait_ms)
{
	struct pollfd waited = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&waited, 1, wait_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

char *client_statuses(const char *answers)
{
	size_t size = strlen(answers) + 1, len = 0;
	char *statuses = calloc(1, size);

	for (const char *at = answers; (at = strstr(at, "HTTP/1.1 ")); at++)
		len += (size_t)snprintf(statuses + len, size - len, "%.3s ", at + 9);
	return statuses;
}

uint64_t client_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
