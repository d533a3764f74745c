/* Turns a reply into an answer of httpd: all that is tuned about sending lies here. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doors/http/response.h"
#include "metrics/exposition.h"

static const char json_lines[] = "Content-Type: application/json\r\nCache-Control: no-store\r\n";
static const char problem_lines[] =
	"Content-Type: application/problem+json\r\nCache-Control: no-store\r\n";
static const char metrics_lines[] =
	"Content-Type: " EXPOSITION_CONTENT_TYPE "\r\nCache-Control: no-store\r\n";
/* nginx would hold events back until it has a buffer full of them. */
static const char events_lines[] = "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
				   "X-Accel-Buffering: no\r\n";
static const char bare_lines[] = "Cache-Control: no-store\r\n";

static char *put_text(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}
#define PUT_LITERAL(out, literal) put_text(out, literal, sizeof(literal) - 1)

/* name ends in ": ". */
static char *put_line(char *out, const char *name, const char *value)
{
	if (!*value)
		return out;
	out = put_text(out, name, strlen(name));
	out = put_text(out, value, strlen(value));
	return PUT_LITERAL(out, "\r\n");
}

static char *put_lines(char *out, const struct reply *reply)
{
	if (reply->type == REPLY_EVENTS)
		out = PUT_LITERAL(out, events_lines);
	else if (reply->body.len == 0)
		out = PUT_LITERAL(out, bare_lines);
	else if (reply->type == REPLY_PROBLEM)
		out = PUT_LITERAL(out, problem_lines);
	else if (reply->type == REPLY_METRICS)
		out = PUT_LITERAL(out, metrics_lines);
	else
		out = PUT_LITERAL(out, json_lines);
	out = put_line(out, "RateLimit-Policy: ", reply->ratelimit_policy);
	out = put_line(out, "RateLimit: ", reply->ratelimit);
	out = put_line(out, "Retry-After: ", reply->retry_after);
	out = put_line(out, "ETag: ", reply->etag);
	out = put_line(out, "Location: ", reply->location);
	out = put_line(out, "Allow: ", reply->allow);
	out = put_line(out, "WWW-Authenticate: ", reply->authenticate ? "Bearer" : "");
	return put_line(out, "X-Request-Id: ", reply->request_id ? reply->request_id : "");
}

void response_make(const struct reply *reply, char headers[RESPONSE_HEADERS_MAX],
		   struct httpd_answer *ret)
{
	bool failed = reply->body.failed;
	char *end = failed ? PUT_LITERAL(headers, bare_lines) : put_lines(headers, reply);

	*ret = (struct httpd_answer){
		.status = failed ? 503 : reply->status,
		.close = reply->close,
		.headers = {headers, (size_t)(end - headers)},
	};
	if (!failed)
		ret->body = (struct httpd_text){reply->body.data, reply->body.len};
}
