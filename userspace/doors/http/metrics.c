/* Everything that is measured, to holders of a key and on a listener of its own. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doors/http/answer.h"
#include "doors/http/body.h"
#include "doors/http/counts.h"
#include "doors/http/handlers.h"
#include "doors/http/metrics.h"
#include "doors/http/problem.h"
#include "doors/http/request_log.h"
#include "doors/http/route.h"

void handle_metrics(struct request *request, struct reply *reply)
{
	const struct http *http = request->http;
	struct metrics_facts *facts;

	if (body_refuse_query(request, reply))
		return;
	facts = calloc(1, sizeof(*facts));
	if (!facts) {
		problem_fault(reply, -ENOMEM);
		return;
	}
	facts->version = http->config.version;
	facts->started_ms = http->started_ms;
	facts->tls_expires = (uint64_t)atomic_load(&http->tls_expires);
	facts->tls_refused = atomic_load(&http->tls_refused);
	metrics_process_read(&facts->process);
	service_measure(http->config.service, facts);
	counts_read(http, facts);
	reply->type = REPLY_METRICS;
	metrics_write(facts, &reply->body);
	free(facts);
}

static bool is_metrics(struct httpd_text path)
{
	static const char name[] = "/metrics";

	return path.text && path.len == sizeof(name) - 1 && memcmp(path.text, name, path.len) == 0;
}

/* Sets request->route when there is nothing to refuse. */
static bool refuse(struct request *request, const struct httpd_request *from, struct reply *reply)
{
	struct httpd_text path = request_path(from->path);
	int err = ROUTE_E_PATH;

	if (from->refused_status) {
		problem_set(reply, from->refused_status, NULL, "%s", from->refused_reason);
		return true;
	}
	if (is_metrics(path))
		err = route_find(from->method, path, false, &request->route, request->id,
				 reply->allow);
	if (err == ROUTE_E_METHOD)
		problem_set(reply, 405, NULL, "this path answers only to %s", reply->allow);
	else if (err)
		problem_set(reply, 404, NULL, "there is nothing but /metrics here");
	else if (from->query.len > 0)
		problem_set(reply, 400, NULL, "/metrics takes no parameters");
	return reply->status != 200;
}

void metrics_handle(struct httpd_exchange *exchange, const struct httpd_request *from, void *data)
{
	struct request request = {.http = data, .from = from};
	char headers[RESPONSE_HEADERS_MAX];
	_cleanup_reply_ struct reply reply;
	struct httpd_answer made;

	request.begun_ns = request_log_begin(data);
	request_headers_read(from, &request.headers);
	reply_init(&reply);
	if (!refuse(&request, from, &reply))
		handle_metrics(&request, &reply);
	answer_make(&request, &reply, headers, &made);
	httpd_answer(exchange, &made);
	counts_add(&request, made.status);
}

size_t metrics_body_max(const struct httpd_request *from, void *data)
{
	(void)from;
	(void)data;
	return 0;
}
