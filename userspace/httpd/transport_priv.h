/* A connection's bytes, plain or in TLS: what its socket brings and takes, without ever waiting. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

struct snapshot_cell;
struct ssl_st;

/*
 * Embedded in a connection, at an address that stays, and touched by its loop only. The socket is
 * watched edge-triggered and in both directions, so every call goes on until the socket itself says
 * no, or tells that it did not.
 */
struct transport {
	int fd;                    /* to watch, and for options; bytes go through the calls below */
	struct snapshot_cell *tls; /* of struct httpd_tls; NULL: plain */
	struct ssl_st *ssl; /* NULL until the peer's first byte: who is silent costs nothing */
	bool recv_waits;    /* for room to send, or holds bytes of its own: ask at any event */
	bool emptied;       /* the last recv() brought less than there was room for */
	bool ended;         /* the peer's socket */
	bool open;          /* the handshake is over */
	bool failed;        /* nothing more can be said in TLS */
	bool end_due;       /* our end is still to be sent */
	uint16_t chatter;   /* steps of TLS itself since it is open */
};

/* transport_tls.c */
/* Before the first one with TLS. 0 or -ENOMEM. */
int transport_tls_prepare(void);
/* What the calls below do in TLS. */
ssize_t transport_tls_recv(struct transport *t, char *bytes, size_t room, bool *ret_more);
ssize_t transport_tls_send(struct transport *t, const char *bytes, size_t len);
void transport_tls_end(struct transport *t);
void transport_tls_done(struct transport *t);

/* Takes the socket, which does not block. The cell stays the caller's. */
static inline void transport_init(struct transport *t, int fd, struct snapshot_cell *tls)
{
	*t = (struct transport){.fd = fd, .tls = tls};
}

/* Closes the socket. */
static inline void transport_done(struct transport *t)
{
	if (t->ssl)
		transport_tls_done(t);
	close(t->fd);
}

static inline ssize_t transport_plain_recv(struct transport *t, char *bytes, size_t room)
{
	ssize_t n;

	do
		n = recv(t->fd, bytes, room, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static inline ssize_t transport_plain_send(struct transport *t, const char *bytes, size_t len)
{
	ssize_t n;

	do
		n = send(t->fd, bytes, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * Bytes that came, 0 at the peer's end, -EAGAIN when there are none now, or -errno. Not *ret_more:
 * an event will tell of what comes next; only the peer's end may be there already. -EPROTOTYPE: the
 * peer does not speak TLS, but HTTP; from now on the transport is plain, and nothing was read.
 */
static inline ssize_t transport_recv(struct transport *t, char *bytes, size_t room, bool *ret_more)
{
	ssize_t n;

	if (t->tls)
		return transport_tls_recv(t, bytes, room, ret_more);
	n = transport_plain_recv(t, bytes, room);
	*ret_more = n > 0 && (size_t)n == room;
	return n;
}

/* Whether these events are a reason to call transport_recv(). */
static inline bool transport_may_recv(const struct transport *t, uint32_t events)
{
	return (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) || t->recv_waits;
}

/*
 * Bytes taken; fewer than len: an event will tell when to go on with the rest, which must then begin
 * with the same bytes. -errno; -ENOTCONN before the handshake is over.
 */
static inline ssize_t transport_send(struct transport *t, const char *bytes, size_t len)
{
	ssize_t n;

	if (t->tls)
		return transport_tls_send(t, bytes, len);
	n = transport_plain_send(t, bytes, len);
	return n == -EAGAIN ? 0 : n;
}

/* Ends our side, once all is sent. The peer's bytes must still be taken, lest it see a reset. */
static inline void transport_end(struct transport *t)
{
	if (t->tls)
		transport_tls_end(t);
	else
		shutdown(t->fd, SHUT_WR);
}

/* Throws away what comes after our end. As transport_recv(); `bytes` is room for it. */
static inline ssize_t transport_discard(struct transport *t, char *bytes, size_t room)
{
	if (t->end_due)
		transport_tls_end(t);
	return transport_plain_recv(t, bytes, room);
}

/* A request is to be expected, although none has begun. */
static inline bool transport_in_handshake(const struct transport *t)
{
	return t->ssl && !t->open;
}
