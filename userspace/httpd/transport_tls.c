/* TLS between a connection and its socket: OpenSSL's wishes told as those of a socket. */
/* SPDX-License-Identifier: MIT */

#include <pthread.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "httpd/tls_priv.h"
#include "httpd/transport_priv.h"

enum {
	/* Steps of TLS itself on an open connection: new keys, refused renegotiations. Who asks for more
	 * has us calculate for nothing. */
	CHATTER_MAX = 256,
};

/*
 * OpenSSL's way to the socket. Its own would raise SIGPIPE, and not tell that a recv was short,
 * which spares another one after each request.
 */
static BIO_METHOD *socket_method;
static pthread_once_t socket_method_once = PTHREAD_ONCE_INIT;

static int socket_read(BIO *bio, char *bytes, int room)
{
	struct transport *t = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	t->open |= SSL_is_init_finished(t->ssl) != 0;
	if (t->chatter > CHATTER_MAX)
		return -1;
	n = transport_plain_recv(t, bytes, (size_t)room);
	t->emptied = n < room;
	t->ended |= n == 0;
	if (n == -EAGAIN)
		BIO_set_retry_read(bio);
	return n < 0 ? -1 : (int)n;
}

static int socket_write(BIO *bio, const char *bytes, int len)
{
	ssize_t n = transport_plain_send(BIO_get_data(bio), bytes, (size_t)len);

	BIO_clear_retry_flags(bio);
	if (n == -EAGAIN)
		BIO_set_retry_write(bio);
	return n < 0 ? -1 : (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
	const struct transport *t = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return t->ended;
	return command == BIO_CTRL_FLUSH;
}

static void make_socket_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "httpd");

	if (!method || !BIO_meth_set_read(method, socket_read) ||
	    !BIO_meth_set_write(method, socket_write) || !BIO_meth_set_ctrl(method, socket_control))
		BIO_meth_free(method);
	else
		socket_method = method;
}

int transport_tls_prepare(void)
{
	pthread_once(&socket_method_once, make_socket_method);
	return socket_method ? 0 : -ENOMEM;
}

/* Each step of a handshake, each alert. */
static void count_chatter(const SSL *ssl, int where, int what)
{
	struct transport *t = SSL_get_app_data(ssl);

	(void)what;
	if (t->open && t->chatter <= CHATTER_MAX && (where & (SSL_CB_LOOP | SSL_CB_ALERT)))
		t->chatter++;
}

static int begin_tls(struct transport *t)
{
	struct httpd_tls *tls = (struct httpd_tls *)snapshot_get(t->tls);
	BIO *bio = NULL;

	/* It holds the context, with or without us. */
	t->ssl = SSL_new(tls->context);
	httpd_tls_free(tls);
	if (t->ssl)
		bio = BIO_new(socket_method);
	if (!bio) {
		SSL_free(t->ssl);
		t->ssl = NULL;
		return -ENOMEM;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	SSL_set_info_callback(t->ssl, count_chatter);
	SSL_set_accept_state(t->ssl);
	return 0;
}

/* HTTP begins with a letter, TLS never does. */
static int judge_first_byte(struct transport *t)
{
	char byte;
	ssize_t n;

	do
		n = recv(t->fd, &byte, 1, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -ENODATA : -errno;
	if ((byte < 'A' || byte > 'Z') && (byte < 'a' || byte > 'z'))
		return begin_tls(t);
	t->tls = NULL;
	return -EPROTOTYPE;
}

/* Why a call did nothing: 0 at the peer's end, -EAGAIN (*ret_for_room: to be sent) or -errno. */
static int explain(struct transport *t, int result, bool *ret_for_room)
{
	int error = SSL_get_error(t->ssl, result);

	*ret_for_room = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->failed = true;
	return -EPROTO;
}

ssize_t transport_tls_recv(struct transport *t, char *bytes, size_t room, bool *ret_more)
{
	size_t n = 0;
	int result = t->ssl ? 0 : judge_first_byte(t);

	*ret_more = false;
	if (result)
		return result == -ENODATA ? 0 : result;
	if (t->failed)
		return -EPROTO;
	/* What another connection left there would be taken for ours. */
	ERR_clear_error();
	result = SSL_read_ex(t->ssl, bytes, room, &n);
	if (result <= 0)
		return explain(t, result, &t->recv_waits);
	t->open = true;
	*ret_more = !t->emptied || SSL_has_pending(t->ssl);
	t->recv_waits = *ret_more;
	return (ssize_t)n;
}

ssize_t transport_tls_send(struct transport *t, const char *bytes, size_t len)
{
	size_t done = 0, n = 0;
	bool for_room;
	int err = 0;

	if (!t->open || t->failed)
		return t->failed ? -EPROTO : -ENOTCONN;
	while (done < len && !err) {
		int result;

		ERR_clear_error();
		/* One record. */
		result = SSL_write_ex(t->ssl, bytes + done, len - done, &n);
		if (result > 0)
			done += n;
		else
			err = explain(t, result, &for_room);
	}
	return !err || err == -EAGAIN ? (ssize_t)done : -EPROTO;
}

void transport_tls_end(struct transport *t)
{
	int result = 0;

	t->end_due = false;
	if (t->open && !t->failed) {
		ERR_clear_error();
		result = SSL_shutdown(t->ssl);
	}
	if (result < 0 && SSL_get_error(t->ssl, result) == SSL_ERROR_WANT_WRITE)
		t->end_due = true;
	else
		shutdown(t->fd, SHUT_WR);
}

void transport_tls_done(struct transport *t)
{
	/* A try: who does not take it sees the socket's end. */
	if (t->open && !t->failed && !(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)) {
		ERR_clear_error();
		SSL_shutdown(t->ssl);
	}
	SSL_free(t->ssl);
	ERR_clear_error();
}
