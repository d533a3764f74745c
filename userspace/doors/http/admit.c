/* Decides whether a request is known, allowed and well-formed, before anything is done. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doors/http/admit.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/route.h"

static bool refuse_target(struct request *request, const struct httpd_request *from,
			  struct reply *reply)
{
	bool with_test = request->http->config.test_clock != NULL;
	struct httpd_text path = request_path(from->path);
	int err = ROUTE_E_PATH;

	if (path.text)
		err = route_find(from->method, path, with_test, &request->route, request->id,
				 reply->allow);
	if (err == ROUTE_E_METHOD)
		problem_set(reply, 405, NULL, "this path answers only to %s", reply->allow);
	else if (err)
		problem_set(reply, 404, NULL, "there is nothing at this path");
	return err != 0;
}

/*
 * The same answer whatever is wrong, so that nothing is learnt about keys that exist; but who had
 * one is told that its time is over.
 */
static bool refuse_credentials(struct request *request, struct keyring_memo *memo,
			       struct reply *reply)
{
	struct httpd_text token;
	int r = AUTH_E_UNKNOWN;

	if (request->headers.authorization.text &&
	    request_bearer(request->headers.authorization, &token))
		r = service_identify(request_service(request), token.text, token.len, memo,
				     &request->who);
	if (r == 0)
		return false;
	if (r < 0) {
		problem_fault(reply, r);
		return true;
	}
	problem_set(reply, 401, NULL,
		    r == AUTH_E_EXPIRED ? "this API key has expired" :
					  "a known API key is needed: Authorization: Bearer <key>");
	reply->authenticate = true;
	return true;
}

static bool refuse_right(const struct request *request, struct reply *reply)
{
	uint32_t right = request->route->right;

	if ((request->who.rights & right) == right)
		return false;
	problem_set(reply, 403, NULL, "this API key lacks the right %s", auth_right_name(right));
	return true;
}

static bool refuse_caller(struct request *request, const struct httpd_request *from,
			  struct reply *reply)
{
	struct keyring_memo none = {.use = NULL};

	_Static_assert(sizeof(none) <= HTTPD_NOTE_SIZE, "a connection keeps its memo in its note");
	if (request->headers.twice) {
		problem_set(reply, 400, NULL, "%s is given twice", request->headers.twice);
		reply->close = true;
		return true;
	}
	return request->route->right &&
	       (refuse_credentials(request, from->note ? from->note : &none, reply) ||
		refuse_right(request, reply));
}

static bool refuse_body(const struct request *request, const struct httpd_request *from,
			struct reply *reply)
{
	if (request->route->body || (from->body.len == 0 && from->refused_status != 413))
		return false;
	problem_set(reply, 400, NULL, "this request takes no body");
	reply->close = true;
	return true;
}

static bool refuse_query(struct request *request, const struct httpd_request *from,
			 char *query_text, struct reply *reply)
{
	struct field_error error;

	if (from->query.len == 0)
		return false;
	memcpy(query_text, from->query.text, from->query.len);
	if (query_parse(query_text, from->query.len, &error, &request->query) == 0)
		return false;
	problem_invalid(reply, &error);
	return true;
}

/* What is no whole request is judged only where that may give a better answer. */
static bool is_judged(unsigned int refused_status)
{
	return refused_status == 0 || refused_status == 405 || refused_status == 413;
}

bool admit_request(struct request *request, const struct httpd_request *from, char *query_text,
		   struct reply *reply)
{
	request->route = NULL;
	request->who.key_id[0] = '\0';
	request->query.n = 0;
	request_headers_read(from, &request->headers);
	if (is_judged(from->refused_status) &&
	    (refuse_target(request, from, reply) || refuse_body(request, from, reply) ||
	     refuse_caller(request, from, reply)))
		return true;
	if (from->refused_status) {
		problem_set(reply, from->refused_status, NULL, "%s", from->refused_reason);
		return true;
	}
	request->body = from->body;
	return refuse_query(request, from, query_text, reply);
}

size_t admit_body_max(struct http *http, const struct httpd_request *from)
{
	char text[256]; /* of a problem that nobody reads */
	struct request request;
	struct reply reply;

	request.http = http;
	request_headers_read(from, &request.headers);
	reply_init_fixed(&reply, text, sizeof(text));
	if (refuse_target(&request, from, &reply) || !request.route->body ||
	    refuse_caller(&request, from, &reply))
		return request.headers.expects ? 0 : REQUEST_BODY_STRANGER_MAX;
	return REQUEST_BODY_MAX;
}
