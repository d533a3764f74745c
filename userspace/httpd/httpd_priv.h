/* What the files of httpd share: loops, connections and requests in the making. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include <llhttp/llhttp.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "httpd/httpd.h"
#include "httpd/transport_priv.h"

enum {
	LOOP_BUFFER_SIZE = 65536, /* what one recv may bring */
	READ_MIN = 4096,          /* room for one recv behind a request that is not whole */
	TICK_MS_MAX = 250,        /* how often deadlines are looked at */
	TICK_MS_MIN = 5,
	LINGER_MS = 2000,
	DRAIN_WAIT_MS = 500,    /* the same while the server drains; also to take a stream's rest */
	LINGER_LEAST_MS = 100,  /* before a newcomer may take the place */
	READS_PER_WAKE = 16,    /* of one connection; the others get their turn before it goes on */
	WAKE_BYTES = 1 << 18,   /* of a body, likewise */
	TURN_WORK = 8,          /* requests of one connection, likewise */
	TURN_WORK_BYTES = 256,  /* of a body: as much work as a request without one */
	TURNS_PER_WAKE = 8,     /* of those that wait for one */
	OUT_MAX = 65536,        /* answers are sent at the latest when so many bytes lie ready */
	OUT_KEPT_MAX = 1 << 20, /* a larger answer's memory is given back */
	UNSENT_MAX = 1 << 17,   /* of an answer in the kernel: the rest is ours to count */
	REFUSED_MAX = 64, /* newcomers of one loop that may linger over a 503 at the same time */
};

/* A piece of the request, relative to its first byte: the bytes may move while it grows. */
struct span {
	uint32_t at;
	uint32_t len;
};

/* A request in the making. Reset for each one. */
struct parse {
	llhttp_t llhttp;
	const char *base; /* the request's first byte, while llhttp runs */
	size_t fed;       /* bytes done with; what lies behind them is not needed again */
	size_t head_len;
	size_t body_len; /* the body lies behind the head, its chunks moved together */
	size_t body_max;
	struct span target;
	struct span names[HTTPD_HEADERS_MAX];
	struct span values[HTTPD_HEADERS_MAX];
	unsigned int n_headers;
	bool name_ended;
	bool head_complete;
	bool complete;
	bool expect_continue;
	bool foreign;   /* a method that llhttp does not know */
	char last_byte; /* of the former feed */
	unsigned int refused_status;
	const char *refused_reason;
};

enum phase {
	PHASE_IDLE, /* between requests */
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_DEFERRED, /* somebody else holds the exchange */
	PHASE_WRITING,  /* the peer is slow to take an answer */
	PHASE_STREAM,   /* an answer without an end */
	PHASE_LINGER, /* our side is closed; the peer's rest is thrown away, lest it see a reset */
};

struct httpd_exchange {
	struct httpd_request request;
	struct httpd_header headers[HTTPD_HEADERS_MAX];
	struct connection *connection;
	bool answered;
	bool close;     /* the connection ends with this answer */
	bool head_only; /* HEAD: no body */
	bool http10;
	bool endless;             /* the answer is a stream's */
	unsigned int late_status; /* a deferred answer, until the loop writes it */
	size_t late_headers_len;
	struct buf late; /* headers, then body */
};

union peer {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* A connection that was accepted, on its way to its loop. */
struct newcomer {
	int fd;
	union peer peer;
};

struct connection {
	struct loop *loop;
	struct connection *younger, *older; /* all of the loop, by when they entered their phase */
	struct connection *next_turn, *previous_turn; /* those that wait for a turn */
	bool waits_turn;
	union peer peer;
	struct transport transport;
	enum phase phase;
	uint64_t entered_ms;
	uint64_t deadline_ms; /* of the phase; 0: none */
	bool broken;          /* to be freed once its deferred exchange is answered */
	bool close_after_write;
	bool shed;   /* gave up its memory, and ends at its next event or soon */
	size_t held; /* bytes of `in` and `out`, as counted in the loop's */
	char *in;    /* own buffer: a request that is not whole, or deferred, and what follows it */
	size_t in_len, in_size;
	size_t pending; /* bytes from the request being handled to the end of what was read */
	struct buf out; /* what the socket did not take */
	size_t out_sent;
	size_t left; /* while writing: what the peer had not taken when that was last looked at */
	struct httpd_exchange *exchange; /* deferred */
	struct httpd_stream *stream;     /* of PHASE_STREAM; holds a reference */
	struct connection *next_late;    /* in the loop's list of late answers */
	_Alignas(max_align_t) char note[HTTPD_NOTE_SIZE];
	struct parse parse;
};

/* Shared by its connection, its holder and, while it is due, its loop. */
struct httpd_stream {
	struct loop *loop;
	bool chunked;
	atomic_uint references;
	pthread_mutex_t lock;          /* guards what follows; taken before inbox_lock */
	struct connection *connection; /* NULL: gone */
	struct httpd_stream_watch watch;
	struct buf fresh; /* in chunks, behind what the connection holds of it */
	size_t unsent;    /* of both */
	bool ended;
	bool due;                      /* in the loop's list */
	struct httpd_stream *next_due; /* guarded by inbox_lock */
};

struct loop {
	struct httpd *httpd;
	pthread_t thread;
	bool started;
	int epoll_fd;
	int event_fd;
	int listen_fd;            /* loop 0 only; else -1 */
	bool accept_due;          /* the listener has newcomers */
	uint64_t listen_again_ms; /* accepting pauses until then; 0: it does not */
	uint64_t now_ms;
	uint64_t ticked_ms;
	atomic_uint count;                    /* connections, with those still in the inbox */
	struct connection *oldest, *youngest; /* connections */
	struct connection *first_turn, *last_turn;
	atomic_size_t held; /* bytes that they hold */
	size_t held_max;
	atomic_ulong displaced; /* those that gave way */
	struct buf out;         /* answers of the connection being handled */
	char date[64];
	uint64_t date_second;
	struct httpd_exchange exchange; /* of the request being handled */
	char *buffer;                   /* LOOP_BUFFER_SIZE */
	bool drained;

	pthread_mutex_t inbox_lock; /* guards what follows */
	struct newcomer *inbox;
	size_t inbox_len, inbox_size;
	struct connection *late;
	struct httpd_stream *due; /* have something new */
};

/* In ms; each is read and set alone. A deadline is set by them when its phase begins. */
struct httpd_times {
	atomic_uint header, body, idle;
	atomic_uint tick; /* how often deadlines are looked at */
};

struct httpd {
	struct httpd_config config; /* its times are those of the start */
	struct httpd_times times;
	bool encrypts;
	struct snapshot_cell tls; /* the present struct httpd_tls, if it encrypts */
	struct loop *loops;
	unsigned int n_loops;
	uint16_t port;
	atomic_bool draining;
	atomic_bool listener_closed; /* while draining: no loop gets another connection */
	atomic_bool stopping;
	pthread_mutex_t drained_lock;
	pthread_cond_t drained;
	unsigned int loops_drained; /* guarded by drained_lock */
};

/* request.c */
void parse_reset(struct parse *parse);
/* Empty lines before a request line are skipped: how many bytes. SIZE_MAX: half a line, wait. */
size_t parse_skip_lines(const char *base, size_t len);
/*
 * Feeds bytes [fed, len) of the request at base; sets complete or refused_status when it ends.
 * Else the caller keeps the bytes up to fed, and the next ones follow those.
 */
void parse_feed(struct parse *parse, const struct httpd *httpd, char *base, size_t len);
void parse_refuse(struct parse *parse, unsigned int status, const char *reason);

/* head.c */
/* The head is whole: refuses what llhttp lets pass. */
void head_judge(struct parse *parse);
/* llhttp does not know the method: refuses it once the line is whole. */
void head_judge_foreign(struct parse *parse, size_t len);
/* The request as handlers see it, from what parse found in the bytes at base. */
void parse_view(const struct parse *parse, char *base, size_t len, struct httpd_exchange *exchange);

/* answer.c */
void answer_write(struct loop *loop, const struct httpd_exchange *exchange,
		  const struct httpd_answer *answer, bool close, struct buf *out);

/* exchange.c */
/* Gives one request, whole or refused, to the handler. Returns whether the connection takes no more
 * for now: the request was deferred, or its answer is a stream. */
bool exchange_hand_over(struct connection *connection, char *base, size_t len);
/* Takes the late answer's memory and writes it to the loop's `out`. False: no memory for it. */
bool exchange_write_late(struct connection *connection);

/* stream.c: for the loop of the stream's connection. */
/* Moves what is new into out, which is empty. False: there is nothing. */
bool stream_take(struct httpd_stream *stream, struct buf *out);
/* So many bytes that were taken are not sent yet. */
void stream_report(struct httpd_stream *stream, size_t unsent);
/* Parts connection and stream; the rest and the last chunk go to out, if there is one. */
void stream_detach(struct connection *connection, struct buf *out);
/* It was in the list, and is no more. Also when its connection is gone. */
void stream_on_due(struct httpd_stream *stream);

/* budget.c */
/* Counts what the connection holds now; call it after every change of `in` or `out`. */
void budget_settle(struct connection *connection);
/*
 * Whether it may hold so much more, for which older ones may have to give up theirs. 0 or -ENOBUFS.
 * Writes nothing to loop->out.
 */
int budget_reserve(struct connection *connection, size_t more);
/* Frees the one that has waited the longest. Returns whether there was one. */
bool budget_evict(struct loop *loop);
/* The same of those in one phase only. */
bool budget_evict_phase(struct loop *loop, enum phase phase);

/* turn.c: connections that have requests at hand and wait until the others had their turn. */
void turn_join(struct connection *connection);
/* Also when it waits for none. */
void turn_leave(struct connection *connection);
/* Gives some of those that wait a turn. */
void turn_some(struct loop *loop);

/* output.c */
/* Sends what lies in loop->out, behind what the socket has not taken yet. 0 or -errno. */
int output_flush(struct connection *connection);
/* Sends what the socket did not take before. 0 or -errno. */
int output_send_rest(struct connection *connection);
/* Bytes that the peer has not taken, those included that lie in the socket. */
size_t output_left(const struct connection *connection);
/* What the peer has taken since that was last looked at gives it time; returns whether any. */
bool output_extend(struct connection *connection);

/* input.c */
void input_drop(struct connection *connection);
/* Keeps bytes [at, len) of base, which may be our own buffer, for later. 0, -ENOMEM, -ENOBUFS. */
int input_keep(struct connection *connection, char *base, size_t at, size_t len);
/* Reads and answers. Returns whether the connection waits for more: else it waits to write or
 * for a late answer, or is gone. */
bool input_read(struct connection *connection, bool until_end);
/* What was read before it had to wait, then what came meanwhile. */
void input_go_on(struct connection *connection);

/* connection.c */
int connection_new(struct loop *loop, const struct newcomer *from, struct connection **ret);
void connection_free(struct connection *connection);
void connection_enter(struct connection *connection, enum phase phase);
/* Has epoll report again what it reported before: there is more to read. */
void connection_rearm(struct connection *connection);
/*
 * Sends what was written to loop->out. Returns whether the connection may take more requests:
 * else it waits for something, or is gone.
 */
bool connection_settle(struct connection *connection);
void connection_on_event(struct connection *connection, uint32_t events);
/* Its stream has something to send, or has ended. */
void connection_on_stream(struct connection *connection, bool ended);
/* Its deferred exchange was answered. */
void connection_on_late(struct connection *connection);
void connection_on_timeout(struct connection *connection);
/* The server drains: ends now if it is between requests. */
void connection_on_drain(struct connection *connection);
extern const char refused_for_memory[];
/* Gives up its request, if any: answers with this status for that reason and ends. */
void connection_refuse(struct connection *connection, unsigned int status, const char *reason);

/* loop.c */
int loop_init(struct loop *loop, struct httpd *httpd);
/* Accepts from fd, which it takes. 0 or -errno. */
int loop_listen(struct loop *loop, int fd);
void loop_done(struct loop *loop);
/* A thread's start routine; its data is the loop. */
void *loop_run(void *data);
void loop_wake(struct loop *loop);
