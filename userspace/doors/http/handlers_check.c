/* GET and POST /api/check: one question or many, answered in order. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "doors/http/check_body.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/ratelimit_headers.h"
#include "json/writer.h"
#include "service/check.h"

static const char keys_max_detail[] =
	"as many keys are live as keys_max allows: this one cannot be counted, and nothing was "
	"consumed";

static void put_ms(struct json_writer *writer, uint64_t ms)
{
	if (ms == SLUICE_NEVER)
		json_put_null(writer);
	else
		json_put_u64(writer, ms);
}

static void put_figures(struct json_writer *writer, const struct check_figures *figures)
{
	json_name(writer, "limit");
	json_put_u64(writer, figures->limit);
	json_name(writer, "remaining");
	json_put_u64(writer, figures->remaining);
	json_name(writer, "retry_after_ms");
	put_ms(writer, figures->retry_after_ms);
	json_name(writer, "reset_after_ms");
	json_put_u64(writer, figures->reset_after_ms);
}

static void put_no_figures(struct json_writer *writer)
{
	json_name(writer, "limit");
	json_put_null(writer);
	json_name(writer, "remaining");
	json_put_null(writer);
	json_name(writer, "retry_after_ms");
	json_put_u64(writer, 0);
	json_name(writer, "reset_after_ms");
	json_put_u64(writer, 0);
}

static void put_hit(struct json_writer *writer, const struct engine_hit *hit)
{
	struct check_figures figures;

	check_figures_of(hit, &figures);
	json_begin_object(writer);
	json_name(writer, "id");
	json_put_str(writer, hit->id);
	put_figures(writer, &figures);
	json_name(writer, "mode");
	json_put_str(writer, hit->mode == ENGINE_SHADOW ? "shadow" : "enforce");
	json_end_object(writer);
}

static void put_answer(struct json_writer *writer, const struct check_request *check,
		       const struct check_answer *answer)
{
	json_begin_object(writer);
	json_name(writer, "allowed");
	json_put_bool(writer, answer->allowed);
	json_name(writer, "key");
	json_put_string(writer, check->key, check->key_len);
	if (answer->limited)
		put_figures(writer, &answer->tightest);
	else
		put_no_figures(writer);
	json_name(writer, "limits");
	json_begin_array(writer);
	for (uint32_t i = 0; i < answer->verdict.count; i++)
		put_hit(writer, &answer->verdict.hits[i]);
	json_end_array(writer);
	json_end_object(writer);
}

/* What the service says of well-formed input, other than an answer. */
static unsigned int status_of(int err, struct field_error *error)
{
	switch (err) {
	case CHECK_E_INVALID:
		return 400;
	case CHECK_E_KEYS_MAX:
		field_error_set(error, "key", "%s", keys_max_detail);
		return 503;
	case -ENOMEM:
		field_error_set(error, "", "the server is short of memory; nothing was consumed");
		return 503;
	default:
		field_error_set(error, "", "an unexpected error happened; nothing was consumed");
		return 500;
	}
}

static void answer_one(struct request *request, const struct check_request *check,
		       unsigned int deny_status, struct reply *reply)
{
	struct field_error error = {.field = ""};
	struct json_writer writer;
	struct check_answer answer;
	int err = service_check(request_service(request), &request->who, check, &error, &answer);

	if (err) {
		unsigned int status = status_of(err, &error);

		problem_set(reply, status, error.field, "%s", error.message);
		return;
	}
	if (!answer.allowed)
		reply->status = deny_status;
	json_writer_init(&writer, &reply->body);
	put_answer(&writer, check, &answer);
	ratelimit_headers_set(&answer, reply);
}

static int get_deny_status(const struct query *query, struct field_error *error, unsigned int *ret)
{
	int64_t status = 200;

	if (query_get_s64(query, "deny_status", error, &status) ||
	    (status != 200 && status != 429)) {
		field_error_set(error, "deny_status", "must be 429 or 200");
		return QUERY_E_INVALID;
	}
	*ret = (unsigned int)status;
	return 0;
}

static int parse_query(const struct query *query, struct field_error *error,
		       struct check_request *ret, unsigned int *ret_deny_status)
{
	static const char *const names[] = {"key", "cost", "peek", "deny_status"};
	const struct query_param *key = query_get(query, "key");

	if (query_allow(query, names, sizeof(names) / sizeof(names[0]), error) ||
	    query_get_s64(query, "cost", error, &ret->cost) ||
	    query_get_bool(query, "peek", error, &ret->peek) ||
	    get_deny_status(query, error, ret_deny_status))
		return QUERY_E_INVALID;
	if (!key) {
		field_error_set(error, "key", "is missing");
		return QUERY_E_INVALID;
	}
	ret->key = key->value;
	ret->key_len = key->value_len;
	return 0;
}

void handle_check_get(struct request *request, struct reply *reply)
{
	struct check_request check = {.cost = 1};
	struct field_error error;
	unsigned int deny_status;

	if (parse_query(&request->query, &error, &check, &deny_status))
		problem_invalid(reply, &error);
	else
		answer_one(request, &check, deny_status, reply);
}

static void answer_entry(struct request *request, const struct check_request *check,
			 struct json_writer *writer)
{
	struct field_error error = {.field = ""};
	struct check_answer answer;
	int err = service_check(request_service(request), &request->who, check, &error, &answer);

	if (err == 0) {
		put_answer(writer, check, &answer);
		return;
	}
	unsigned int status = status_of(err, &error);

	json_begin_object(writer);
	json_name(writer, "allowed");
	json_put_bool(writer, false);
	json_name(writer, "key");
	json_put_string(writer, check->key, check->key_len);
	json_name(writer, "error");
	problem_write(writer, status, error.field, error.message);
	json_end_object(writer);
}

/* A little ahead of the answers, so that one key's memory comes while another's is waited for. */
static void look_ahead(const struct request *request, const struct check_body *body, size_t at)
{
	size_t n = body->n - at;

	if (at % CHECK_AHEAD_MAX != 0)
		return;
	service_check_ahead(request_service(request), &request->who, &body->checks[at],
			    n < CHECK_AHEAD_MAX ? n : CHECK_AHEAD_MAX);
}

static void answer_batch(struct request *request, const struct check_body *body,
			 struct reply *reply)
{
	struct json_writer writer;

	json_writer_init(&writer, &reply->body);
	json_begin_object(&writer);
	json_name(&writer, "results");
	json_begin_array(&writer);
	for (size_t i = 0; i < body->n; i++) {
		look_ahead(request, body, i);
		answer_entry(request, &body->checks[i], &writer);
	}
	json_end_array(&writer);
	json_end_object(&writer);
}

void handle_check_post(struct request *request, struct reply *reply)
{
	static const char *const names[] = {"deny_status"};
	_cleanup_check_body_ struct check_body body = {.n = 0};
	struct field_error error;
	unsigned int deny_status;

	if (query_allow(&request->query, names, 1, &error) ||
	    get_deny_status(&request->query, &error, &deny_status)) {
		problem_invalid(reply, &error);
		return;
	}
	if (check_body_read(request, reply, &body))
		return;
	if (body.is_batch)
		answer_batch(request, &body, reply);
	else
		answer_one(request, body.checks, deny_status, reply);
}
