/* One thread per connection, between a pair of sockets and TLS. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "unit/httpd/tunnel.h"

/* Bytes on their way in one direction. */
struct flow {
	char bytes[16384];
	size_t at, len;
	bool ended; /* at its source */
	bool told;  /* its end, to its target */
};

struct tunnel {
	int plain, fd;
	SSL *ssl;
	bool wants_write, broken;
	pthread_t thread;
	atomic_bool over;
	struct tunnel *next;
	struct flow up, down;
};

static bool must_wait(struct tunnel *t, int result)
{
	int error = SSL_get_error(t->ssl, result);

	t->wants_write |= error == SSL_ERROR_WANT_WRITE;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void read_plain(struct tunnel *t)
{
	ssize_t n = recv(t->plain, t->up.bytes, sizeof(t->up.bytes), MSG_DONTWAIT);

	t->up.at = 0;
	t->up.len = n > 0 ? (size_t)n : 0;
	t->up.ended = n == 0;
}

static void send_tls(struct tunnel *t)
{
	size_t n = 0;
	int result;

	while (t->up.at < t->up.len && !t->broken) {
		result = SSL_write_ex(t->ssl, t->up.bytes + t->up.at, t->up.len - t->up.at, &n);
		if (result <= 0) {
			t->broken = !must_wait(t, result);
			return;
		}
		t->up.at += n;
	}
	if (!t->up.ended || t->up.told)
		return;
	SSL_shutdown(t->ssl);
	shutdown(t->fd, SHUT_WR);
	t->up.told = true;
}

static void read_tls(struct tunnel *t)
{
	int result = SSL_read_ex(t->ssl, t->down.bytes, sizeof(t->down.bytes), &t->down.len);

	t->down.at = 0;
	if (result > 0)
		return;
	t->down.len = 0;
	t->down.ended = !must_wait(t, result);
}

static void send_plain(struct tunnel *t)
{
	while (t->down.at < t->down.len) {
		ssize_t n = send(t->plain, t->down.bytes + t->down.at, t->down.len - t->down.at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			return;
		t->down.at += (size_t)n;
	}
	if (!t->down.ended || t->down.told)
		return;
	shutdown(t->plain, SHUT_WR);
	t->down.told = true;
}

/* False: the client has closed, and what it said before is gone or stuck. */
static bool wait_for_more(struct tunnel *t)
{
	bool up = t->up.at < t->up.len, down = t->down.at < t->down.len;
	struct pollfd waited[] = {
		{.fd = t->plain,
		 .events = (short)((up || t->up.ended ? 0 : POLLIN) | (down ? POLLOUT : 0))},
		{.fd = t->down.told ? -1 : t->fd,
		 .events = (short)((down ? 0 : POLLIN) | (up || t->wants_write ? POLLOUT : 0))},
	};

	t->wants_write = false;
	if (poll(waited, 2, -1) < 0)
		return false;
	return !(waited[0].revents & (POLLHUP | POLLERR)) || !(up || t->up.ended);
}

static void *run(void *data)
{
	struct tunnel *t = data;

	ERR_clear_error();
	t->broken = SSL_connect(t->ssl) != 1;
	fcntl(t->fd, F_SETFL, O_NONBLOCK);
	while (!t->broken && !(t->up.told && t->down.told)) {
		ERR_clear_error();
		if (t->up.at == t->up.len && !t->up.ended)
			read_plain(t);
		send_tls(t);
		if (t->down.at == t->down.len && !t->down.ended)
			read_tls(t);
		send_plain(t);
		if (t->down.at == t->down.len && SSL_pending(t->ssl))
			continue;
		if (!wait_for_more(t))
			break;
	}
	SSL_free(t->ssl);
	close(t->fd);
	/* A descriptor that is open still when the test ends, sees an end. */
	shutdown(t->plain, SHUT_RDWR);
	atomic_store(&t->over, true);
	return NULL;
}

static SSL_CTX *context;
static struct tunnel *tunnels; /* opened by the test's one thread */

static void reap(bool all)
{
	struct tunnel *t, **at = &tunnels;

	while ((t = *at)) {
		if (!all && !atomic_load(&t->over)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		shutdown(t->plain, SHUT_RDWR);
		pthread_join(t->thread, NULL);
		close(t->plain);
		free(t);
	}
}

/* What a thread leaves behind at an exit would look like a leak. */
static void end_all(void)
{
	reap(true);
	SSL_CTX_free(context);
}

static void make_context(void)
{
	signal(SIGPIPE, SIG_IGN);
	atexit(end_all);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int tunnel_open(int fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tunnel *t = calloc(1, sizeof(*t));
	const int small = 32768;
	int pair[2];

	pthread_once(&once, make_context);
	reap(false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	/* As little as there would be without us: tests fill it up. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	t->plain = pair[0];
	t->fd = fd;
	t->ssl = SSL_new(context);
	SSL_set_fd(t->ssl, fd);
	assert_int_equal(pthread_create(&t->thread, NULL, run, t), 0);
	t->next = tunnels;
	tunnels = t;
	return pair[1];
}
