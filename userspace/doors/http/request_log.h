/* One log line for a request: which requests have one, and what it says. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"

/* CLOCK_MONOTONIC in ns; 0 where few requests are logged, and a clock reading is too much for all. */
uint64_t request_log_begin(const struct http *http);
/* Begins timing now, unless it has begun. */
void request_log_time(struct request *request);
/* Whether a request that was answered so has a line. status is that of the answer. */
bool request_log_wants(const struct request *request, const struct reply *reply,
		       unsigned int status);
/*
 * Writes it; refusals and failures of a kind only as often as struct http bounds them. Never in it:
 * Authorization, queries (but for the key of a check, when all requests are logged), bodies, and of
 * a path that leads nowhere the parts that might be a secret. The request has its id.
 */
void request_log_write(const struct request *request, const struct httpd_answer *answer);
