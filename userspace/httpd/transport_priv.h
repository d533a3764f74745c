/* A connection's bytes: what its socket brings and what it takes, without ever waiting. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * Embedded in a connection and touched by its loop only. The socket is watched edge-triggered and in
 * both directions, so every call goes on until the socket itself says no, or tells that it did not.
 */
struct transport {
	int fd; /* to watch, and for options; bytes go through the calls below */
};

/* Takes the socket, which does not block. */
static inline void transport_init(struct transport *t, int fd)
{
	t->fd = fd;
}

/* Closes the socket. */
static inline void transport_done(struct transport *t)
{
	close(t->fd);
}

/*
 * Bytes that came, 0 at the peer's end, -EAGAIN when there are none now, or -errno. Not *ret_more:
 * an event will tell of what comes next; only the peer's end may be there already.
 */
static inline ssize_t transport_recv(struct transport *t, char *bytes, size_t room, bool *ret_more)
{
	ssize_t n;

	do
		n = recv(t->fd, bytes, room, 0);
	while (n < 0 && errno == EINTR);
	*ret_more = n > 0 && (size_t)n == room;
	return n < 0 ? -errno : n;
}

/* Bytes taken; fewer than len: an event will tell when to go on with the rest. -errno. */
static inline ssize_t transport_send(struct transport *t, const char *bytes, size_t len)
{
	ssize_t n;

	do
		n = send(t->fd, bytes, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

/* Ends our side, once all is sent. The peer's bytes must still be taken, lest it see a reset. */
static inline void transport_end(struct transport *t)
{
	shutdown(t->fd, SHUT_WR);
}

/* Throws away what comes after our end. As transport_recv(); `bytes` is room for it. */
static inline ssize_t transport_discard(struct transport *t, char *bytes, size_t room)
{
	bool more;

	return transport_recv(t, bytes, room, &more);
}
