/* Makes a reply the answer of its request: named where somebody may ask for it, and logged. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/response.h"

/*
 * Names the request in its answer when the caller named it, when it failed, and when it is an admin
 * call or logged: a check that nobody asks about costs nothing here. Writes its log line, if it has
 * one. The answer borrows *reply, *request and `headers`.
 */
void answer_make(struct request *request, struct reply *reply, char headers[RESPONSE_HEADERS_MAX],
		 struct httpd_answer *ret);
