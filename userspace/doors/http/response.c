/* Turns a reply into bytes on the wire: all that is tuned about sending lies here. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "doors/http/response.h"

static struct MHD_Response *make_response(struct reply *reply)
{
	struct MHD_Response *response;
	size_t len;
	char *text;

	if (reply->body.fixed || reply->body.len == 0)
		return MHD_create_response_from_buffer(reply->body.len, reply->body.data,
						       MHD_RESPMEM_MUST_COPY);
	text = buf_take(&reply->body, &len);
	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	return response;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value,
		       bool *failed)
{
	if (*value && MHD_add_response_header(response, name, value) != MHD_YES)
		*failed = true;
}

/* False when memory is short. */
static bool add_headers(struct MHD_Response *response, const struct reply *reply)
{
	bool failed = false;

	if (reply->status != 204)
		add_header(response, "Content-Type",
			   reply->type == REPLY_PROBLEM ? "application/problem+json" :
							  "application/json",
			   &failed);
	add_header(response, "Cache-Control", "no-store", &failed);
	add_header(response, "RateLimit-Policy", reply->ratelimit_policy, &failed);
	add_header(response, "RateLimit", reply->ratelimit, &failed);
	add_header(response, "Retry-After", reply->retry_after, &failed);
	add_header(response, "ETag", reply->etag, &failed);
	add_header(response, "Location", reply->location, &failed);
	add_header(response, "Allow", reply->allow, &failed);
	if (reply->authenticate)
		add_header(response, "WWW-Authenticate", "Bearer", &failed);
	if (reply->close)
		add_header(response, "Connection", "close", &failed);
	return !failed;
}

enum MHD_Result response_queue(struct MHD_Connection *connection, struct reply *reply)
{
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response;

	if (reply->body.failed)
		return MHD_NO;
	response = make_response(reply);
	if (!response)
		return MHD_NO;
	if (add_headers(response, reply))
		result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}
