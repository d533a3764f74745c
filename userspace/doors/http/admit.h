/* Decides whether a request is well-formed, known and allowed, before anything is done. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doors/http/reply.h"
#include "doors/http/request.h"

/* The request target; text is edited. len over REQUEST_TARGET_MAX: text is not valid. */
struct admit_target {
	char *text;
	size_t len;
};

/*
 * Fills route, id, query and who of *request, whose http and headers are set. Returns true when
 * the request is refused: then *reply says why, and reply->close that what follows on the
 * connection cannot be trusted. In this order: framing, path (404), method (405), size and place
 * of a body (400, 413), credentials (401), right (403), query (400).
 */
bool admit_request(struct request *request, struct admit_target target, const char *method,
		   const char *version, struct reply *reply);

/* The answer to a body that turned out too large: 413. */
void admit_refuse_body(struct reply *reply);
