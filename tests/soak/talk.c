/* One HTTP/1.1 connection of a load: blocking, kept alive, opened again when it breaks. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soak/talk.h"

void talk_init(struct talk *talk, uint16_t port)
{
	talk->port = port;
	talk->fd = -1;
}

void talk_done(struct talk *talk)
{
	if (talk->fd >= 0)
		close(talk->fd);
	talk->fd = -1;
}

static int fail(struct talk *talk, int err)
{
	talk_done(talk);
	return err;
}

int talk_open(struct talk *talk)
{
	const struct timeval timeout = {.tv_sec = TALK_TIMEOUT_S};
	const struct sockaddr_in peer = {.sin_family = AF_INET,
					 .sin_port = htons(talk->port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;

	if (talk->fd >= 0)
		return 0;
	talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (talk->fd < 0)
		return -errno;
	setsockopt(talk->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(talk->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(talk->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(talk->fd, (const struct sockaddr *)&peer, sizeof(peer)))
		return fail(talk, -errno);
	return 0;
}

static int send_all(const struct talk *talk, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(talk->fd, text, len, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		text += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* Appends what comes; 0 or -errno. */
static int receive_some(struct talk *talk, size_t *used)
{
	size_t room = sizeof(talk->received) - 1 - *used;
	ssize_t got;

	if (room == 0)
		return -EMSGSIZE;
	got = recv(talk->fd, talk->received + *used, room, 0);
	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	*used += (size_t)got;
	talk->received[*used] = '\0';
	return 0;
}

/* The head's value of that name; NULL: there is none. */
static const char *find_header(const struct talk *talk, const char *name)
{
	const char *line = strcasestr(talk->received, name);

	return line && line < talk->body ? line + strlen(name) : NULL;
}

static int read_head(struct talk *talk, size_t *used)
{
	static const char version[] = "HTTP/1.1 ";
	const char *length;
	char *end;

	while (*used == 0 || !(end = strstr(talk->received, "\r\n\r\n"))) {
		int err = receive_some(talk, used);

		if (err)
			return err;
	}
	talk->body = end + 4;
	length = find_header(talk, "\r\nContent-Length: ");
	if (strncmp(talk->received, version, sizeof(version) - 1) != 0 || !length)
		return -EPROTO;
	talk->status = atoi(talk->received + sizeof(version) - 1);
	talk->len = strtoul(length, NULL, 10);
	return 0;
}

static int read_answer(struct talk *talk)
{
	size_t used = 0;
	int err = read_head(talk, &used);

	while (err == 0 && used < (size_t)(talk->body - talk->received) + talk->len)
		err = receive_some(talk, &used);
	return err;
}

int talk_ask(struct talk *talk, const char *request, size_t len)
{
	int err = send_all(talk, request, len);

	if (err == 0)
		err = read_answer(talk);
	if (err)
		return fail(talk, err);
	if (find_header(talk, "\r\nConnection: close"))
		talk_done(talk);
	return 0;
}
