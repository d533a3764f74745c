/* Takes requests from httpd, has them judged, and hands the good ones to handlers. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "doors/http/admit.h"
#include "doors/http/answer.h"
#include "doors/http/counts.h"
#include "doors/http/events.h"
#include "doors/http/exchange.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/request_id.h"
#include "doors/http/request_log.h"
#include "doors/http/route.h"

/* A request on its way through a worker: made on a loop's thread, freed on the worker's. */
struct deferred {
	struct worker_job job; /* first: a job is its request */
	struct httpd_exchange *exchange;
	struct request request;
	char query_text[]; /* that request.query borrows */
};

static void answer(struct httpd_exchange *exchange, struct request *request, struct reply *reply)
{
	char headers[RESPONSE_HEADERS_MAX];
	struct httpd_answer made;

	answer_make(request, reply, headers, &made);
	httpd_answer(exchange, &made);
	counts_add(request, made.status);
}

static void answer_deferred(struct httpd_exchange *exchange, struct request *request,
			    struct reply *reply)
{
	char headers[RESPONSE_HEADERS_MAX];
	struct httpd_answer made;

	answer_make(request, reply, headers, &made);
	/* Before it is sent: who has the answer finds it counted, as on a loop. */
	counts_add(request, made.status);
	httpd_answer_deferred(exchange, &made);
}

static void run_on_worker(struct worker_job *job)
{
	struct deferred *deferred = (struct deferred *)job;
	_cleanup_reply_ struct reply reply;

	reply_init(&reply);
	reply.request_id = deferred->request.request_id;
	deferred->request.route->handle(&deferred->request, &reply);
	answer_deferred(deferred->exchange, &deferred->request, &reply);
	free(deferred);
}

static void make_unavailable(struct reply *reply, const char *reason)
{
	reply_init(reply);
	problem_set(reply, 503, NULL, "%s", reason);
}

/* The texts of the request move when it is deferred, so they are read once more. */
static struct deferred *make_deferred(const struct request *request,
				      const struct httpd_request *from)
{
	struct deferred *deferred = malloc(sizeof(*deferred) + from->query.len + 1);

	if (!deferred)
		return NULL;
	deferred->job.run = run_on_worker;
	deferred->request = *request;
	return deferred;
}

static void reread_texts(struct deferred *deferred)
{
	const struct httpd_request *from = httpd_request_of(deferred->exchange);
	struct request *request = &deferred->request;
	struct field_error error;

	request->from = from;
	request->body = from->body;
	request_headers_read(from, &request->headers);
	if (from->query.len)
		memcpy(deferred->query_text, from->query.text, from->query.len);
	query_parse(deferred->query_text, from->query.len, &error, &request->query);
}

static void defer(struct httpd_exchange *exchange, const struct httpd_request *from,
		  struct request *request)
{
	struct deferred *deferred = make_deferred(request, from);
	struct httpd_exchange *kept = deferred ? httpd_defer(exchange) : NULL;
	struct reply reply;

	if (!kept) {
		free(deferred);
		make_unavailable(&reply, "the server is short of memory");
		answer(exchange, request, &reply);
		reply_done(&reply);
		return;
	}
	deferred->exchange = kept;
	reread_texts(deferred);
	if (worker_pool_push(request->http->workers, &deferred->job))
		return;
	make_unavailable(&reply, "the server is stopping");
	answer_deferred(kept, &deferred->request, &reply);
	reply_done(&reply);
	free(deferred);
}

static void answer_here(struct httpd_exchange *exchange, struct request *request)
{
	_cleanup_reply_ struct reply reply;
	char text[ROUTE_LOOP_REPLY_MAX];

	/* A batch may say more than fits there. */
	if (request->body.len)
		reply_init(&reply);
	else
		reply_init_fixed(&reply, text, sizeof(text));
	request->route->handle(request, &reply);
	if (reply.events)
		events_follow(exchange, request, &reply);
	else
		answer(exchange, request, &reply);
}

static bool blocks(const struct request *request)
{
	enum route_place place = request->route->place;

	return place == ROUTE_WORKER ||
	       (place == ROUTE_BY_SIZE && request->body.len > ROUTE_LOOP_BODY_MAX);
}

static bool answer_refused(struct httpd_exchange *exchange, struct request *request,
			   const struct httpd_request *from, char *query_text)
{
	_cleanup_reply_ struct reply reply;

	reply_init(&reply);
	if (!admit_request(request, from, query_text, &reply))
		return false;
	answer(exchange, request, &reply);
	return true;
}

/* What is written down of a change: who made it, and how it is found again. */
static void prepare_admin(struct request *request)
{
	request_id_ensure(request);
	httpd_peer_format(request->from->peer, request->peer);
	request_log_time(request);
}

void exchange_handle(struct httpd_exchange *exchange, const struct httpd_request *from, void *data)
{
	char query_text[HTTPD_HEAD_MAX + 1];
	struct request request;

	request.http = data;
	request.from = from;
	request.request_id[0] = '\0';
	request.started_ns = counts_begin();
	request.begun_ns = request_log_begin(data);
	if (answer_refused(exchange, &request, from, query_text))
		return;
	counts_admitted(&request);
	if (route_is_admin(request.route))
		prepare_admin(&request);
	/* A worker must not ask for the catalog as loops do. */
	else if (request.headers.request_id.text)
		request_id_ensure(&request);
	if (blocks(&request))
		defer(exchange, from, &request);
	else
		answer_here(exchange, &request);
}

size_t exchange_body_max(const struct httpd_request *from, void *data)
{
	return admit_body_max(data, from);
}
