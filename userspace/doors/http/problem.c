/* Errors as RFC 9457 problem details that name the field at fault. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "doors/http/problem.h"
#include "httpd/httpd.h"

enum {
	DETAIL_SIZE = FIELD_NAME_SIZE + FIELD_MESSAGE_SIZE + 32,
};

/* Everything but the closing brace, so that members may follow. */
static void begin_problem(struct json_writer *writer, unsigned int status, const char *field,
			  const char *detail)
{
	json_begin_object(writer);
	json_name(writer, "type");
	json_put_str(writer, "about:blank");
	json_name(writer, "title");
	json_put_str(writer, httpd_reason(status));
	json_name(writer, "status");
	json_put_u64(writer, status);
	json_name(writer, "detail");
	json_put_str(writer, detail);
	if (field && *field) {
		json_name(writer, "field");
		json_put_str(writer, field);
	}
}

void problem_write(struct json_writer *writer, unsigned int status, const char *field,
		   const char *detail)
{
	begin_problem(writer, status, field, detail);
	json_end_object(writer);
}

static void start_reply(struct reply *reply, unsigned int status)
{
	reply->status = status;
	reply->type = REPLY_PROBLEM;
	reply->body.len = 0;
	reply->body.failed = false;
}

void problem_set(struct reply *reply, unsigned int status, const char *field, const char *format,
		 ...)
{
	char detail[DETAIL_SIZE];
	struct json_writer writer;
	int used = 0;
	va_list args;

	start_reply(reply, status);
	if (field && *field)
		used = snprintf(detail, sizeof(detail), "%s: ", field);
	va_start(args, format);
	vsnprintf(detail + used, sizeof(detail) - (size_t)used, format, args);
	va_end(args);
	json_writer_init(&writer, &reply->body);
	problem_write(&writer, status, field, detail);
}

void problem_invalid(struct reply *reply, const struct field_error *error)
{
	problem_set(reply, 400, error->field, "%s", error->message);
}

void problem_exists(struct reply *reply, const struct field_error *error, const char *existing_id)
{
	char detail[DETAIL_SIZE];
	struct json_writer writer;

	start_reply(reply, 409);
	snprintf(detail, sizeof(detail), "limit %s has the same %s: change that one", existing_id,
		 error->message);
	json_writer_init(&writer, &reply->body);
	begin_problem(&writer, 409, error->field, detail);
	json_name(&writer, "existing_id");
	json_put_str(&writer, existing_id);
	json_end_object(&writer);
}

void problem_name(struct reply *reply, const char *request_id)
{
	if (reply->body.failed)
		return;
	reply->body.len--; /* the closing brace */
	buf_put_str(&reply->body, ",\"request_id\":\"");
	buf_put_str(&reply->body, request_id);
	buf_put_str(&reply->body, "\"}");
}

void problem_fault(struct reply *reply, int err)
{
	if (err == -ENOMEM)
		problem_set(reply, 503, NULL, "the server is short of memory; nothing was changed");
	else
		problem_set(reply, 500, NULL, "an unexpected error happened; the log says more");
}
