/* An HTTP/1.1 server: sockets, connections and framing, knowing nothing of what it serves. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/field_error.h"

/*
 * One epoll loop per thread; a connection stays with its loop. Syntax and framing are llhttp's in
 * its strict form: Content-Length twice, beside Transfer-Encoding or malformed, bare CR or LF,
 * folded headers and the like are refused with one answer and the connection is closed.
 *
 * Over TLS a handshake counts as the head of the first request: its time is header_timeout_ms. Who
 * speaks plain HTTP to a server with TLS is answered 400, unencrypted; a newcomer for whom there is
 * no room is closed without a word, since an answer would take a handshake.
 *
 * An idle connection holds no buffer; one that is reading holds at most a head of HTTPD_HEAD_MAX
 * and the body the handler agreed to take; one that writes, what its peer has not taken.
 *
 * When there are too many, whoever has waited the longest makes room. At connections_max that is the
 * connection that has been idle, reading one head or body, or writing, for the longest, and it is
 * closed; only when all of them are at deferred requests or streams is the newcomer answered 503, never left
 * hanging. At memory_max it is the one whose body has been coming or whose answer has been going for
 * the longest, if it holds more than HTTPD_SMALL_MAX: it is answered 503, or cut off amid its answer.
 * When no other has waited longer, the one that asks for memory is. Requests and answers up to
 * HTTPD_SMALL_MAX are always taken. So connections hold at most memory_max and HTTPD_SMALL_MAX for
 * each of connections_max; beside that, each loop holds the answer that it is writing.
 */
enum {
	HTTPD_SMALL_MAX = 18432, /* bytes: a head and a small body, or what answers them */
	HTTPD_MEMORY_MIN = 4 << 20,
	HTTPD_TAKEN_MIN = 4096, /* bytes a second: who takes an answer so fast is not idle */
	HTTPD_HEAD_MAX = 8192,  /* bytes of request line and headers; beyond: 431 */
	HTTPD_HEADERS_MAX = 64,
	HTTPD_NOTE_SIZE = 128,
	HTTPD_PEER_SIZE = 46,          /* an IPv6 address and its NUL */
	HTTPD_STREAM_MAX = 256 * 1024, /* bytes of one stream that wait for its peer */
};

struct httpd_text {
	const char *text; /* not NUL-terminated */
	size_t len;
};

struct httpd_header {
	struct httpd_text name;  /* as sent; compare without case */
	struct httpd_text value; /* without blanks around it */
};

/* Valid until it is answered or deferred. */
struct httpd_request {
	struct httpd_text method; /* as sent */
	struct httpd_text path;   /* as sent, up to the `?`; of a whole URL only the path */
	struct httpd_text query;  /* as sent, after the `?`; text NULL if there is none */
	struct httpd_text body;
	const struct httpd_header *headers;
	size_t n_headers;
	const struct sockaddr *peer; /* IPv4 or IPv6; NULL for body_max() */
	/* HTTPD_NOTE_SIZE bytes for the handler to keep with the connection, zero when it opens,
	 * aligned for any type. Only handle() may touch it, before it answers or defers; for
	 * body_max() it is NULL. */
	void *note;
	/* Not 0: no whole request. Answer with this status (or a better one, such as 401); the rest
	 * may be empty, and the connection closes. 400 malformed, 405 no method that is served here
	 * (CONNECT, or one that HTTP does not know), 408 too slow, 413 more body than body_max,
	 * 417, 431, 501 a transfer coding other than chunked, 503 no room, 505. */
	unsigned int refused_status;
	const char *refused_reason; /* for people; static */
};

struct httpd_answer {
	unsigned int status;
	bool close; /* and end the connection */
	struct httpd_text
		headers; /* whole lines with CRLF; Date, Content-Length, Connection are added */
	struct httpd_text body;
};

/* One request waiting for its one answer. */
struct httpd_exchange;

/*
 * A certificate with its key: TLS 1.2 and 1.3, for HTTP/1.x. Immutable, and counts references:
 * any number of servers may use one.
 */
struct httpd_tls;

struct httpd_tls_facts {
	int64_t begins, expires;  /* of the server's own certificate; unix seconds */
	unsigned char digest[32]; /* its SHA-256 */
	bool key_open;            /* everybody on this host may read or write the key's file */
};

/* So long before a certificate expires it is time to say so. */
enum { HTTPD_TLS_SOON_S = 14 * 24 * 3600 };

/* Outcomes of httpd_tls_new(); error->message names the file and what is wrong with it. */
#define HTTPD_E_CERTIFICATE 1
#define HTTPD_E_KEY         2

/*
 * A connection with TLS holds 15 KiB beside what is said above, and 47 during its handshake or while
 * half a record has come or is stuck; none of that is counted in memory_max.
 *
 * Reads PEM files: the server's own certificate, then those that lead from it to a known authority;
 * and its key, without a passphrase. One out of its time is taken, since a server that answers only
 * those who do not look is worth more than none: see the facts. 0, HTTPD_E_* or -ENOMEM.
 */
int httpd_tls_new(const char *cert_file, const char *key_file, struct field_error *error,
		  struct httpd_tls **ret);
/* Gives one reference back. NULL is fine. */
void httpd_tls_free(struct httpd_tls *tls);
static inline void httpd_tls_freep(struct httpd_tls **tls)
{
	httpd_tls_free(*tls);
}
#define _cleanup_httpd_tls_ _cleanup_(httpd_tls_freep)
const struct httpd_tls_facts *httpd_tls_facts(const struct httpd_tls *tls);

struct httpd_handler {
	/* Runs on a loop's thread and must not block: it calls httpd_answer() or httpd_defer(), once. */
	void (*handle)(struct httpd_exchange *exchange, const struct httpd_request *request,
		       void *data);
	/* The largest body it takes for this request (whose body is not there yet). */
	size_t (*body_max)(const struct httpd_request *request, void *data);
	void *data;
};

struct httpd_config {
	const struct sockaddr *address; /* IPv4 or IPv6; port 0: any */
	socklen_t address_len;
	unsigned int threads;
	unsigned int connections_max;
	size_t memory_max; /* bytes; each thread has its part, HTTPD_MEMORY_MIN at least */
	unsigned int
		header_timeout_ms; /* from connecting, or from the first byte of a later request */
	unsigned int body_timeout_ms; /* from the end of the head to the end of the body */
	/* Between requests, and for the peer to take an answer; every HTTPD_TAKEN_MIN bytes that it
	 * takes give it another second. */
	unsigned int idle_timeout_ms;
	struct httpd_tls *tls; /* NULL: plain. The caller's reference stays his */
	struct httpd_handler handler;
};

/* The words that go with a status, "" if it is none that is served here. */
const char *httpd_reason(unsigned int status);

/*
 * The address alone, "192.0.2.1" or "2001:db8::1": IPv4 as such also where it came in on a socket for
 * both. Returns the port.
 */
uint16_t httpd_peer_format(const struct sockaddr *peer, char text[HTTPD_PEER_SIZE]);

struct httpd;

/* Listens and starts the threads. 0 or -errno (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL, ...). */
int httpd_new(const struct httpd_config *config, struct httpd **ret);
uint16_t httpd_port(const struct httpd *httpd);
/*
 * Other times than those of the config, from any thread. A connection goes by them from the next
 * thing it waits for: one that is idle at the moment keeps the deadline it has.
 */
void httpd_set_timeouts(struct httpd *httpd, unsigned int header_ms, unsigned int body_ms,
			unsigned int idle_ms);
/* How full it is. Any thread. */
struct httpd_room {
	unsigned int connections; /* open now, those included that are about to close */
	size_t held, held_max;    /* bytes that they hold and may hold */
	uint64_t displaced;       /* connections that have given way so far */
};
void httpd_room(const struct httpd *httpd, struct httpd_room *ret);

/* From now on newcomers get this certificate; who is there goes on with theirs. Any thread; only for
 * a server that has TLS. The caller's reference stays his. */
void httpd_set_tls(struct httpd *httpd, struct httpd_tls *tls);

/* Answers on the handler's thread, before the handler returns. */
void httpd_answer(struct httpd_exchange *exchange, const struct httpd_answer *answer);
/*
 * Promises a later answer: returns the exchange to give it to, whose request stays valid until
 * then. The connection reads nothing meanwhile. NULL: no memory, answer now. Refused requests
 * cannot be deferred.
 */
struct httpd_exchange *httpd_defer(struct httpd_exchange *exchange);
const struct httpd_request *httpd_request_of(const struct httpd_exchange *exchange);
/* Answers a deferred exchange, from any thread, also after httpd_drain(). Copies the answer. */
void httpd_answer_deferred(struct httpd_exchange *exchange, const struct httpd_answer *answer);

/*
 * An answer without an end, chunk by chunk (HTTP/1.0: until the connection closes). Its connection
 * serves no other request: what the peer sends behind this one is thrown away. No deadline ends it
 * but one: a peer that takes nothing of what waits for it during idle_timeout_ms is cut off.
 */
struct httpd_stream;

struct httpd_stream_watch {
	/* The connection has ended before httpd_stream_end(): its peer went away or was cut off, or
	 * the server drains. Called at most once, with the stream's lock held: it must not block and
	 * must not call httpd. NULL: nobody wants to know. */
	void (*gone)(void *data);
	void *data;
};

/*
 * In place of httpd_answer(), on the handler's thread; the answer's body is empty. To HEAD only the
 * head is sent and *ret is NULL. 0, or -ENOMEM and the exchange still wants an answer. The caller
 * calls httpd_stream_end() once, also when the peer is gone, and also after httpd_free().
 */
int httpd_stream_begin(struct httpd_exchange *exchange, const struct httpd_answer *answer,
		       const struct httpd_stream_watch *watch, struct httpd_stream **ret);
/*
 * Copies all bytes or none, from any thread. 0, -EPIPE (the connection is gone), -EAGAIN (the peer
 * is behind: HTTPD_STREAM_MAX would be exceeded) or -ENOMEM.
 */
int httpd_stream_write(struct httpd_stream *stream, const char *bytes, size_t len);
/* Sends what was written and ends the answer, from any thread. Frees the stream; gone() is not called
 * once this returns. */
void httpd_stream_end(struct httpd_stream *stream);

/*
 * Accepts nothing more, closes idle connections, ends streams, gives every other one its answer with
 * "Connection: close". Returns when none is left or after timeout_ms. Call it at most once.
 */
void httpd_drain(struct httpd *httpd, unsigned int timeout_ms);
/* Closes what is left and joins the threads. Every deferred exchange must have been answered. */
void httpd_free(struct httpd *httpd);
