/* Decides whether a request is known, allowed and well-formed, before anything is done. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "doors/http/reply.h"
#include "doors/http/request.h"

/*
 * Fills *request, whose http is set, from what httpd hands over. Returns true when the request is
 * refused, and *reply says why; the first of: no path (404), no such method there (405), a body
 * where none belongs (400), credentials (401), right (403), headers given twice (400), what httpd
 * itself refused, query (400). query_text has room for from->query and one byte, and is borrowed
 * by *request.
 */
bool admit_request(struct request *request, const struct httpd_request *from, char *query_text,
		   struct reply *reply);

/* The same for a head whose body is yet to come; says how much of it will be read. */
size_t admit_body_max(struct http *http, const struct httpd_request *from);
