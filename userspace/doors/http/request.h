/* One request as handlers see it, and the headers that decide how it is treated. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "doors/http/query.h"

struct http;
struct route;

enum {
	REQUEST_TARGET_MAX = 4096,      /* bytes; a key of 512 escaped bytes fits twice */
	REQUEST_BODY_MAX = 1024 * 1024, /* bytes */
};

/* Borrowed text. */
struct request_text {
	const char *data; /* NULL: absent */
	size_t len;
};

/* What matters of the header section. */
struct request_headers {
	struct request_text authorization;
	struct request_text if_match;
	uint64_t content_length;
	bool has_length;
	bool chunked;
	bool expects_continue;
	const char *wrong; /* why the request is refused and the connection closed; else NULL */
};

/*
 * Takes one header into *headers, as often as there are headers. Sets ->wrong on what two servers
 * may read differently: a second Content-Length or one that is no number, Content-Length beside
 * Transfer-Encoding, a transfer coding other than chunked, blanks around a name, and a second
 * Authorization or If-Match.
 */
void request_headers_take(struct request_headers *headers, struct request_text name,
			  struct request_text value);

/* All of it is borrowed for the time of the request. */
struct request {
	struct http *http;
	const struct route *route;
	struct principal who; /* of routes that need a right */
	char id[ID_SIZE];     /* "{id}" of the route's path */
	struct query query;
	struct request_headers headers;
	const char *body;
	size_t body_len;
};

/* Splits "/path?query" or "http://host/path?query"; the query (NULL if none) lies in target. */
int request_target_split(char *target, size_t len, struct request_text *ret_path, char **ret_query,
			 size_t *ret_query_len);

/* The token of "Bearer <token>": false unless the header has exactly that form. */
bool request_bearer(struct request_text authorization, struct request_text *ret_token);
