/* Reads the body of POST /api/check: one check, or a batch of them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/cleanup.h"
#include "doors/http/reply.h"
#include "doors/http/request.h"
#include "json/json.h"
#include "service/check.h"

struct check_body {
	bool is_batch;
	size_t n; /* at least 1 */
	/* Their keys borrow from the document. */
	struct check_request *checks;
	struct check_request one; /* where `checks` is, unless it is a batch */
	struct json_document *document;
};

/* 0 when every check in it is well formed; else non-zero and *reply is a problem. */
int check_body_read(const struct request *request, struct reply *reply, struct check_body *ret);
/* Whether or not it was read; it must have been zeroed before. */
void check_body_done(struct check_body *body);
#define _cleanup_check_body_ _cleanup_(check_body_done)
