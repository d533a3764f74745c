/* The name by which a request is found again: in its answer, in the log, in the audit. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/request.h"

enum { SPAN_ID_SIZE = 17 };

/*
 * Gives the request a name unless it has one: X-Request-Id if that is well-formed (1 to 128 visible
 * ASCII characters other than quotes and backslashes) and is no API key, else one that is made up
 * without a system call. With X-Request-Id on a loop's thread only.
 */
void request_id_ensure(struct request *request);

/* 16 hex digits, not all 0, as Trace Context wants a span's id. */
void span_id_make(char text[SPAN_ID_SIZE]);
