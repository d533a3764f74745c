/* Errors as RFC 9457 problem details that name the field at fault. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/field_error.h"
#include "doors/http/reply.h"
#include "json/writer.h"

/* Makes the reply a problem; field may be NULL or "". Whatever the body held is dropped. */
void problem_set(struct reply *reply, unsigned int status, const char *field, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));
/* Status 400 from what a parser said. */
void problem_invalid(struct reply *reply, const struct field_error *error);
/* Status 409 with the member "existing_id"; error says what of it is the same. */
void problem_exists(struct reply *reply, const struct field_error *error, const char *existing_id);
/* A fault of ours: 503 when memory is short, else 500. err is a negative errno. */
void problem_fault(struct reply *reply, int err);

/* Adds the member "request_id" to a reply that is a problem; it needs no escape. */
void problem_name(struct reply *reply, const char *request_id);

/* The same object inside a larger body, for one entry of a batch. */
void problem_write(struct json_writer *writer, unsigned int status, const char *field,
		   const char *detail);
