/* Reads JSON bodies for the handlers. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"
#include "json/json.h"

/* The body as one JSON object, whatever Content-Type says; else non-zero and *reply is a problem. */
int body_parse_object(const struct request *request, struct reply *reply,
		      struct json_document **ret);

/* Non-zero, naming it in *error, when the object has a member other than the n names. */
int body_allow(const struct json *object, const char *const *names, size_t n,
	       struct field_error *error);

/* Non-zero, with *reply a problem, when the request has a query parameter. */
int body_refuse_query(const struct request *request, struct reply *reply);
