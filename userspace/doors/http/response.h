/* Turns a reply into an answer of httpd: all that is tuned about sending lies here. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"
#include "httpd/httpd.h"

enum {
	RESPONSE_HEADERS_MAX =
		2 * REPLY_RATELIMIT_SIZE + 4 * REPLY_TEXT_SIZE + REQUEST_ID_SIZE + 512,
};

/* The answer borrows *reply and `headers`. A body that did not fit becomes a bare 503. */
void response_make(const struct reply *reply, char headers[RESPONSE_HEADERS_MAX],
		   struct httpd_answer *ret);
