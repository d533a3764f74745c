/* What a handler answers: status, body and the headers that vary. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum {
	REPLY_RATELIMIT_SIZE = 800, /* RATELIMIT_ITEMS_MAX items of at most 90 characters */
	REPLY_TEXT_SIZE = 64,
};

enum reply_type {
	REPLY_JSON,
	REPLY_PROBLEM,
	REPLY_METRICS,
	REPLY_EVENTS,
};

/*
 * Made by reply_init(), which touches only what must be set: the large texts are valid when their
 * first character is not NUL. Handlers write into body; whoever made the reply calls reply_done().
 */
struct reply {
	unsigned int status;
	enum reply_type type;
	bool close;                   /* end the connection after this answer */
	bool authenticate;            /* WWW-Authenticate: Bearer */
	const char *request_id;       /* borrowed; NULL: not answered */
	struct buf body;              /* on memory of the caller or growing */
	struct events_client *events; /* NULL, or the answer is a stream: see events.h */
	char etag[REPLY_TEXT_SIZE];
	char location[REPLY_TEXT_SIZE];
	char allow[REPLY_TEXT_SIZE];
	char retry_after[REPLY_TEXT_SIZE];
	char ratelimit_policy[REPLY_RATELIMIT_SIZE];
	char ratelimit[REPLY_RATELIMIT_SIZE];
};

static inline void reply_init(struct reply *reply)
{
	reply->status = 200;
	reply->type = REPLY_JSON;
	reply->close = false;
	reply->authenticate = false;
	reply->request_id = NULL;
	reply->events = NULL;
	reply->etag[0] = '\0';
	reply->location[0] = '\0';
	reply->allow[0] = '\0';
	reply->retry_after[0] = '\0';
	reply->ratelimit_policy[0] = '\0';
	reply->ratelimit[0] = '\0';
	buf_init(&reply->body);
}

/* The same, but the body is written to memory of the caller and must fit. */
static inline void reply_init_fixed(struct reply *reply, char *memory, size_t size)
{
	reply_init(reply);
	buf_init_fixed(&reply->body, memory, size);
}

static inline void reply_done(struct reply *reply)
{
	buf_done(&reply->body);
}
#define _cleanup_reply_ _cleanup_(reply_done)
