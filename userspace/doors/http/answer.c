/* Makes a reply the answer of its request: named where somebody may ask for it, and logged. */
/* SPDX-License-Identifier: MIT */
#include "doors/http/answer.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/request_id.h"
#include "doors/http/request_log.h"

/* Already before httpd drains: so nobody is about to ask once more when it closes connections. */
static bool is_draining(struct http *http)
{
	return atomic_load_explicit(&http->draining, memory_order_relaxed);
}

void answer_make(struct request *request, struct reply *reply, char headers[RESPONSE_HEADERS_MAX],
		 struct httpd_answer *ret)
{
	unsigned int status = reply->body.failed ? 503 : reply->status;
	bool logged = request_log_wants(request, reply, status);

	if (logged || reply->type == REPLY_PROBLEM || request->headers.request_id.text)
		request_id_ensure(request);
	if (*request->request_id)
		reply->request_id = request->request_id;
	if (reply->type == REPLY_PROBLEM)
		problem_name(reply, request->request_id);
	response_make(reply, headers, ret);
	ret->close |= is_draining(request->http);
	if (logged)
		request_log_write(request, ret);
}
