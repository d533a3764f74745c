/* Decides whether a request is well-formed, known and allowed, before anything is done. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doors/http/admit.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/route.h"

static bool refuse_framing(const struct request_headers *headers, const char *version,
			   struct reply *reply)
{
	const char *wrong = headers->wrong;

	if (!wrong && headers->chunked && strcmp(version, "HTTP/1.0") == 0)
		wrong = "HTTP/1.0 knows no Transfer-Encoding";
	if (!wrong)
		return false;
	problem_set(reply, 400, NULL, "%s", wrong);
	reply->close = true;
	return true;
}

static bool refuse_target(struct request *request, struct request_text path, const char *method,
			  struct reply *reply)
{
	bool with_test = request->http->config.test_clock != NULL;

	switch (route_find(method, path, with_test, &request->route, request->id, reply->allow)) {
	case 0:
		return false;
	case ROUTE_E_METHOD:
		problem_set(reply, 405, NULL, "this path answers only to %s", reply->allow);
		return true;
	default:
		problem_set(reply, 404, NULL, "there is nothing at this path");
		return true;
	}
}

void admit_refuse_body(struct reply *reply)
{
	problem_set(reply, 413, NULL, "a body may have at most %d bytes", REQUEST_BODY_MAX);
	reply->close = true;
}

static bool refuse_body(const struct request *request, struct reply *reply)
{
	const struct request_headers *headers = &request->headers;

	if (headers->content_length > REQUEST_BODY_MAX) {
		admit_refuse_body(reply);
		return true;
	}
	if (request->route->body || (!headers->chunked && headers->content_length == 0))
		return false;
	problem_set(reply, 400, NULL, "this request takes no body");
	reply->close = true;
	return true;
}

/* The same answer whatever is wrong, so that nothing is learnt about keys that exist. */
static bool refuse_credentials(struct request *request, struct reply *reply)
{
	struct request_text token;
	int err = AUTH_E_UNKNOWN;

	if (request_bearer(request->headers.authorization, &token)) {
		struct catalog *catalog = service_catalog_get(request->http->config.service);

		err = keyring_find(catalog->keyring, token.data, token.len, &request->who);
		service_catalog_put(catalog);
	}
	if (err == 0)
		return false;
	problem_set(reply, 401, NULL, "an API key is needed: Authorization: Bearer <key>");
	reply->authenticate = true;
	return true;
}

static bool refuse_right(const struct request *request, struct reply *reply)
{
	uint32_t right = request->route->right;

	if ((request->who.rights & right) == right)
		return false;
	problem_set(reply, 403, NULL, "this API key lacks the right %s", route_right_name(right));
	return true;
}

bool admit_request(struct request *request, struct admit_target target, const char *method,
		   const char *version, struct reply *reply)
{
	struct field_error error;
	struct request_text path;
	size_t query_len;
	char *query;

	if (refuse_framing(&request->headers, version, reply))
		return true;
	if (target.len > REQUEST_TARGET_MAX) {
		problem_set(reply, 414, NULL, "a request target may have at most %d bytes",
			    REQUEST_TARGET_MAX);
		reply->close = true;
		return true;
	}
	if (request_target_split(target.text, target.len, &path, &query, &query_len)) {
		problem_set(reply, 400, NULL, "the request target must be a path");
		return true;
	}
	if (refuse_target(request, path, method, reply) || refuse_body(request, reply))
		return true;
	if (request->route->right &&
	    (refuse_credentials(request, reply) || refuse_right(request, reply)))
		return true;
	request->query.n = 0;
	if (query && query_parse(query, query_len, &error, &request->query)) {
		problem_invalid(reply, &error);
		return true;
	}
	return false;
}
