/* A small HTTP client: one server, one request at a time, answers whole or as they come. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/field_error.h"

/* Expected outcomes; *error says more: its field is the URL, its message what happened. */
#define HTTPC_E_INVALID  1 /* the URL is none of http or https */
#define HTTPC_E_REFUSED  2 /* nobody listens there */
#define HTTPC_E_TIMEOUT  3 /* no connection, or no whole answer, in time */
#define HTTPC_E_FAILED   4 /* any other fault between here and the answer's last byte */
#define HTTPC_E_STRANGER 5 /* https: no authority that is known here vouches for the server */
#define HTTPC_E_CA       6 /* https: ca_file cannot be read, or holds no certificate */

enum {
	HTTPC_BODY_MAX = 64 << 20, /* a longer answer is HTTPC_E_FAILED */
};

struct httpc_config {
	const char *url;     /* "http://127.0.0.1:4000", with or without a path to go below */
	const char *bearer;  /* sent with every request; visible ASCII; NULL: none */
	const char *ca_file; /* https: PEM of the authorities to trust; NULL: those of this host */
	uint32_t timeout_ms; /* of one request, connecting included */
};

struct httpc_request {
	const char *method;
	const char *path; /* "/api/limits?limit=10": already escaped */
	const char *json; /* the body, or NULL */
	size_t json_len;
	const char *if_match; /* an ETag with its quotes, or NULL */
};

/* Zero one to begin with; httpc_ask empties it and keeps its memory. */
struct httpc_answer {
	unsigned int status;
	struct buf body;
};

/* Keeps its connection between requests. One thread at a time. */
struct httpc;

/*
 * Strings are copied. Proxies of the environment are not used and redirects not followed: the
 * key goes to the server that was named, or nowhere. The certificate of an https server is always
 * judged. 0, HTTPC_E_INVALID or -ENOMEM.
 */
int httpc_new(const struct httpc_config *config, struct field_error *error, struct httpc **ret);
void httpc_free(struct httpc *httpc);
static inline void httpc_freep(struct httpc **httpc)
{
	httpc_free(*httpc);
}
#define _cleanup_httpc_ _cleanup_(httpc_freep)

/* 0 for any status, HTTPC_E_* but INVALID, or -ENOMEM. */
int httpc_ask(struct httpc *httpc, const struct httpc_request *request, struct field_error *error,
	      struct httpc_answer *ret);

enum { HTTPC_WATCH_FDS_MAX = 4 };

/* Who follows an answer without an end. Calls come on the thread that follows. */
struct httpc_watch {
	/* What came of the body of a 200. False: that is enough. */
	bool (*take)(const char *bytes, size_t len, void *data);
	/* Called when one of these can be read, and at least every look_ms. False: that is enough. */
	bool (*look)(void *data);
	const int *fds;
	unsigned int n_fds;
	uint32_t look_ms;
	uint32_t silent_ms; /* HTTPC_E_TIMEOUT when so long nothing came */
	void *data;
};

/*
 * Follows the answer until the server ends it or the watch has enough: 0. Whatever is no 200 is
 * answered as by httpc_ask(). timeout_ms is for connecting. Other outcomes as httpc_ask(), also when
 * the connection breaks amid the answer.
 */
int httpc_follow(struct httpc *httpc, const struct httpc_request *request,
		 const struct httpc_watch *watch, struct field_error *error,
		 struct httpc_answer *ret);

/* Puts text as one segment of a path or one value of a query: all but A-Z a-z 0-9 - . _ ~ escaped. */
void httpc_put_escaped(struct buf *buf, const char *text, size_t len);
