/* One request as handlers see it, and how it is read from what httpd hands over. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth.h"
#include "doors/http/query.h"
#include "httpd/httpd.h"
#include "service/admin.h"

struct http;
struct route;

enum {
	REQUEST_BODY_MAX = 1024 * 1024, /* bytes */
	/* From whoever may not send that: read, so that the connection survives the refusal. */
	REQUEST_BODY_STRANGER_MAX = 4096,
	REQUEST_ID_SIZE = 129,
};

/* The headers that matter; text NULL: absent. */
struct request_headers {
	struct httpd_text authorization;
	struct httpd_text if_match;
	struct httpd_text request_id;  /* given twice: of length 0, as what is not well-formed */
	struct httpd_text traceparent; /* likewise */
	bool expects;                  /* waits for a go-ahead before it sends its body */
	const char *twice;             /* the name of one that is there twice, or NULL */
};

void request_headers_read(const struct httpd_request *from, struct request_headers *ret);

/* All texts are borrowed for the time of the request. */
struct request {
	struct http *http;
	const struct httpd_request *from;
	const struct route *route; /* NULL: none was found */
	struct principal who;      /* of routes that need a right; key_id "": not known */
	char id[ID_SIZE];          /* "{id}" of the route's path */
	struct query query;
	struct request_headers headers;
	struct httpd_text body;
	uint64_t started_ns;              /* CLOCK_MONOTONIC; 0: it is not timed */
	uint64_t begun_ns;                /* the same for its line of the log */
	char request_id[REQUEST_ID_SIZE]; /* "": nobody has asked for it; see request_id.h */
	char peer[HTTPD_PEER_SIZE];       /* of admin calls, without a port */
};

/* Who asks for a change. Borrows the request. */
struct actor request_actor(const struct request *request);

/* The path of "/path" or "http://host/path"; text NULL when it is neither. */
struct httpd_text request_path(struct httpd_text path);

/* The token of "Bearer <token>": false unless the header has that form. */
bool request_bearer(struct httpd_text authorization, struct httpd_text *ret_token);
