/* A transport with TLS on a pair of sockets: what it tells of the socket when either side is full. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "httpd/tls_priv.h"
#include "httpd/transport_priv.h"
#include "unit/httpd/certificate.h"
#include "unit/httpd/tls_client.h"

enum { ROUNDS = 1000, PIECE = 100000 };

/* Both ends in one thread; neither blocks. */
static struct {
	struct snapshot_cell cell;
	struct transport t;
	SSL *peer;
	int peer_fd;
} pair;

/* As much as the sockets and the reader hold. */
static char bytes[65536];

static int connect_pair(void **state)
{
	const int small = 4096;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	transport_init(&pair.t, fds[0], &pair.cell);
	pair.peer_fd = fds[1];
	pair.peer = tls_attach(fds[1], NULL);
	return 0;
}

static void shake_hands(void)
{
	bool more;

	for (int i = 0; i < ROUNDS && !(pair.t.open && SSL_is_init_finished(pair.peer)); i++) {
		SSL_do_handshake(pair.peer);
		assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), -EAGAIN);
		assert_false(more);
	}
	assert_true(pair.t.open);
	/* Takes the tickets. */
	assert_int_equal(SSL_read(pair.peer, bytes, 1), -1);
}

static int set_up(void **state)
{
	connect_pair(state);
	shake_hands();
	return 0;
}

static int tear_down(void **state)
{
	transport_done(&pair.t);
	tls_close(pair.peer);
	return 0;
}

/* Sends until the socket takes no more; how much it took. */
static size_t fill(const char *from, size_t len)
{
	size_t sent = 0;
	ssize_t n;

	do {
		n = transport_send(&pair.t, from + sent, len - sent);
		assert_true(n >= 0);
		sent += (size_t)n;
	} while (n > 0 && sent < len);
	return sent;
}

/* Reads what there is at the peer; how much. */
static size_t empty(char *to, size_t room)
{
	size_t len = 0, n;

	while (len < room && SSL_read_ex(pair.peer, to + len, room - len, &n))
		len += n;
	return len;
}

static void rest_of_an_answer_goes_out_from_another_place(void **state)
{
	char *text = malloc(PIECE), *moved, *got = malloc(PIECE);
	size_t sent = 0, len = 0;

	for (int i = 0; i < PIECE; i++)
		text[i] = (char)i;
	for (int i = 0; i < ROUNDS && len < PIECE; i++) {
		moved = malloc(PIECE - sent + 1);
		memcpy(moved, text + sent, PIECE - sent);
		sent += fill(moved, PIECE - sent);
		free(moved);
		len += empty(got + len, PIECE - len);
	}
	assert_int_equal(sent, PIECE);
	assert_int_equal(len, PIECE);
	assert_memory_equal(got, text, PIECE);
	free(text);
	free(got);
}

/* Bytes that are not TLS fill the socket up; how many. */
static size_t fill_raw(void)
{
	size_t len = 0;

	while (send(pair.t.fd, "x", 1, 0) == 1)
		len++;
	return len;
}

static void empty_raw(size_t len)
{
	while (len-- > 0)
		assert_int_equal(recv(pair.peer_fd, bytes, 1, 0), 1);
}

static void handshake_that_waits_to_send_goes_on_when_there_is_room(void **state)
{
	size_t len;
	bool more;

	assert_int_not_equal(SSL_do_handshake(pair.peer), 1);
	len = fill_raw();
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), -EAGAIN);
	/* An event about room to send is a reason to ask again. */
	assert_true(transport_may_recv(&pair.t, EPOLLOUT));
	empty_raw(len);
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), -EAGAIN);
	assert_false(transport_may_recv(&pair.t, EPOLLOUT));
	shake_hands();
}

static void keys_change_in_the_middle_of_an_answer(void **state)
{
	static char zeros[PIECE], got[PIECE];
	size_t sent = fill(zeros, PIECE), n, len = 0;
	bool more;

	assert_true(sent < PIECE);
	assert_int_equal(SSL_key_update(pair.peer, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(pair.peer), 1);
	assert_true(SSL_write_ex(pair.peer, "request", 7, &n));
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), 7);
	assert_memory_equal(bytes, "request", 7);
	for (int i = 0; i < ROUNDS && len < PIECE; i++) {
		sent += fill(zeros + sent, PIECE - sent);
		len += empty(got, PIECE - len);
	}
	assert_int_equal(len, PIECE);
}

static void more_is_told_of_what_lies_in_the_transport(void **state)
{
	bool more;
	size_t n;

	assert_true(SSL_write_ex(pair.peer, "one", 3, &n));
	assert_true(SSL_write_ex(pair.peer, "two", 3, &n));
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), 3);
	assert_true(more);
	assert_true(transport_may_recv(&pair.t, EPOLLOUT));
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), 3);
	/* The recv was short and nothing is left: an event tells of the next. */
	assert_false(more);
	assert_false(transport_may_recv(&pair.t, EPOLLOUT));
	assert_true(SSL_write_ex(pair.peer, "three", 5, &n));
	assert_int_equal(transport_recv(&pair.t, bytes, 2, &more), 2);
	assert_true(more);
	assert_int_equal(transport_recv(&pair.t, bytes, 2, &more), 2);
	assert_int_equal(transport_recv(&pair.t, bytes, 2, &more), 1);
	assert_false(more);
}

static void half_a_record_is_waited_for_without_spinning(void **state)
{
	BIO *up = BIO_new(BIO_s_mem());
	int len;
	bool more;
	size_t n;

	SSL_set0_wbio(pair.peer, up);
	assert_true(SSL_write_ex(pair.peer, "whole", 5, &n));
	assert_true(SSL_write_ex(pair.peer, "half", 4, &n));
	len = BIO_read(up, bytes, sizeof(bytes));
	assert_int_equal(send(pair.peer_fd, bytes, (size_t)len - 3, 0), len - 3);
	assert_int_equal(transport_recv(&pair.t, bytes + 1000, 1000, &more), 5);
	assert_int_equal(transport_recv(&pair.t, bytes + 1000, 1000, &more), -EAGAIN);
	assert_false(more);
	assert_false(transport_may_recv(&pair.t, EPOLLOUT));
	assert_int_equal(send(pair.peer_fd, bytes + len - 3, 3, 0), 3);
	assert_int_equal(transport_recv(&pair.t, bytes + 1000, 1000, &more), 4);
}

static void error_of_another_connection_is_not_taken_for_ours(void **state)
{
	static char zeros[PIECE];
	bool more;

	ERR_raise(ERR_LIB_USER, 1);
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), -EAGAIN);
	ERR_raise(ERR_LIB_USER, 1);
	assert_true(transport_send(&pair.t, zeros, PIECE) >= 0);
	ERR_clear_error();
}

static void end_that_finds_no_room_is_sent_later(void **state)
{
	size_t len = fill_raw();
	bool told;

	ERR_raise(ERR_LIB_USER, 1);
	transport_end(&pair.t);
	assert_int_equal(transport_discard(&pair.t, bytes, sizeof(bytes)), -EAGAIN);
	empty_raw(len);
	assert_int_equal(transport_discard(&pair.t, bytes, sizeof(bytes)), -EAGAIN);
	assert_true(tls_sees_end(pair.peer, &told));
	assert_true(told);
	/* And that of the socket behind it. */
	assert_int_equal(recv(pair.peer_fd, bytes, 1, 0), 0);
}

static void end_of_the_peer_is_told_with_and_without_a_word(void **state)
{
	bool more;

	SSL_shutdown(pair.peer);
	assert_int_equal(transport_recv(&pair.t, bytes, sizeof(bytes), &more), 0);
	/* We may still answer. */
	assert_int_equal(transport_send(&pair.t, "late", 4), 4);
	assert_int_equal(empty(bytes, sizeof(bytes)), 4);
	tear_down(state);
	set_up(state);
	shutdown(pair.peer_fd, SHUT_WR);
	assert_true(transport_recv(&pair.t, bytes, sizeof(bytes), &more) <= 0);
}

static void sending_to_one_who_is_gone_raises_no_signal(void **state)
{
	bool more;
	ssize_t n;

	signal(SIGPIPE, SIG_DFL);
	shutdown(pair.peer_fd, SHUT_RD);
	assert_true(transport_send(&pair.t, "a", 1) < 0);
	n = transport_recv(&pair.t, bytes, sizeof(bytes), &more);
	assert_true(n < 0 && n != -EAGAIN);
	signal(SIGPIPE, SIG_IGN);
}

static int make_certificate(void **state)
{
	struct certificate files;
	struct httpd_tls *tls;

	certificate_make(&files, NULL);
	assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &tls), 0);
	certificate_remove(&files);
	assert_int_equal(snapshot_cell_init(&pair.cell), 0);
	snapshot_publish(&pair.cell, &tls->snapshot);
	return 0;
}

static int free_certificate(void **state)
{
	snapshot_cell_done(&pair.cell);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rest_of_an_answer_goes_out_from_another_place),
		cmocka_unit_test_setup_teardown(
			handshake_that_waits_to_send_goes_on_when_there_is_room, connect_pair,
			tear_down),
		TEST(keys_change_in_the_middle_of_an_answer),
		TEST(more_is_told_of_what_lies_in_the_transport),
		TEST(half_a_record_is_waited_for_without_spinning),
		TEST(error_of_another_connection_is_not_taken_for_ours),
		TEST(end_that_finds_no_room_is_sent_later),
		TEST(end_of_the_peer_is_told_with_and_without_a_word),
		TEST(sending_to_one_who_is_gone_raises_no_signal),
	};

	return cmocka_run_group_tests_name("httpd_transport", tests, make_certificate,
					   free_certificate);
}
