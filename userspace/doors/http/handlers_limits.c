/* Limits over HTTP: list, create, read, change, delete and reset. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "doors/http/body.h"
#include "doors/http/etag.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/outcome.h"
#include "doors/http/page.h"
#include "doors/http/problem.h"
#include "json/json.h"
#include "json/writer.h"
#include "service/admin.h"

static const char noun[] = "limit", id_prefix[] = "lim_";

static void answer_limit(struct request *request, const struct limit *limit, bool with_stats,
			 struct reply *reply)
{
	struct service *service = request_service(request);
	struct limit_stats stats = {.allowed = 0};
	struct limit_capacity capacity;
	bool in_force;

	etag_format(limit->revision, reply->etag);
	if (with_stats)
		service_limit_stats(service, limit, &stats);
	in_force = service_limit_capacity(service, limit, &capacity) == 0;
	limit_write(limit, with_stats ? &stats : NULL, in_force ? &capacity : NULL, &reply->body);
}

static void answer_page(struct request *request, const struct page *page, bool with_stats,
			struct reply *reply)
{
	struct service *service = request_service(request);
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service);
	const struct limit *limits[PAGE_MAX + 1];
	struct limit_stats stats;
	size_t n;

	n = catalog_page(catalog, request->who.tenant_number, page->after, limits, page->size + 1);
	buf_put_str(&reply->body, "{\"limits\":[");
	for (size_t i = 0; i < n && i < page->size; i++) {
		if (i)
			buf_put_char(&reply->body, ',');
		stats = (struct limit_stats){.allowed = 0};
		if (with_stats)
			service_limit_stats(service, limits[i], &stats);
		limit_write(limits[i], with_stats ? &stats : NULL, NULL, &reply->body);
	}
	page_end(n > page->size ? limits[page->size - 1]->id : NULL,
		 catalog_count(catalog, request->who.tenant_number), &reply->body);
}

void handle_limits_list(struct request *request, struct reply *reply)
{
	static const char *const names[] = {"limit", "cursor", "stats"};
	struct field_error error;
	bool with_stats = false;
	struct page page;

	if (query_allow(&request->query, names, 3, &error) ||
	    query_get_bool(&request->query, "stats", &error, &with_stats) ||
	    page_parse(&request->query, id_prefix, &error, &page))
		problem_invalid(reply, &error);
	else
		answer_page(request, &page, with_stats, reply);
}

void handle_limits_create(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	struct admin_result result = {.existing_id = ""};
	int err;

	if (body_refuse_query(request, reply) || body_parse_object(request, reply, &document))
		return;
	err = admin_limit_create(request_service(request), &actor, json_root(document), &error,
				 &result);
	if (err) {
		outcome_answer(err, noun, result.existing_id, &error, reply);
		return;
	}
	reply->status = 201;
	snprintf(reply->location, sizeof(reply->location), "/api/limits/%s", result.limit.id);
	answer_limit(request, &result.limit, false, reply);
	limit_done(&result.limit);
}

void handle_limits_get(struct request *request, struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	const struct limit *limit;

	if (body_refuse_query(request, reply))
		return;
	limit = catalog_find(catalog, request->who.tenant_number, request->id);
	if (limit)
		answer_limit(request, limit, true, reply);
	else
		outcome_answer(ADMIN_E_NOT_FOUND, noun, NULL, NULL, reply);
}

static int get_if_match(const struct request *request, struct reply *reply, uint64_t *ret)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	const struct limit *limit = catalog_find(catalog, request->who.tenant_number, request->id);

	return outcome_if_match(request, noun, limit ? limit->revision : 0, reply, ret);
}

void handle_limits_update(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	struct admin_result result = {.existing_id = ""};
	struct admin_target target = {.id = request->id};
	int err;

	if (body_refuse_query(request, reply) || get_if_match(request, reply, &target.revision) ||
	    body_parse_object(request, reply, &document))
		return;
	err = admin_limit_update(request_service(request), &actor, &target, json_root(document),
				 &error, &result);
	if (err) {
		outcome_answer(err, noun, result.existing_id, &error, reply);
		return;
	}
	answer_limit(request, &result.limit, true, reply);
	limit_done(&result.limit);
}

void handle_limits_delete(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	struct field_error error = {.field = ""};
	struct admin_target target = {.id = request->id};
	int err;

	if (body_refuse_query(request, reply) || get_if_match(request, reply, &target.revision))
		return;
	err = admin_limit_delete(request_service(request), &actor, &target, &error);
	if (err)
		outcome_answer(err, noun, NULL, &error, reply);
	else
		reply->status = 204;
}

void handle_limits_confirm(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	struct field_error error = {.field = ""};
	struct admin_result result = {.existing_id = ""};
	int err;

	if (body_refuse_query(request, reply))
		return;
	err = admin_limit_confirm(request_service(request), &actor, request->id, &error, &result);
	if (err) {
		outcome_answer(err, noun, NULL, &error, reply);
		return;
	}
	answer_limit(request, &result.limit, true, reply);
	limit_done(&result.limit);
}

/* The one member a reset may have; absent: all keys. */
static int parse_reset(const struct json *object, struct field_error *error, const char **ret_key,
		       size_t *ret_len)
{
	static const char *const names[] = {"key"};
	const struct json *key = json_member(object, "key");

	if (body_allow(object, names, 1, error))
		return -EINVAL;
	if (!key)
		return 0;
	if (json_type_of(key) != JSON_STRING) {
		field_error_set(error, "key", "must be a string");
		return -EINVAL;
	}
	*ret_key = json_string(key, ret_len);
	return 0;
}

void handle_limits_reset(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	const char *key = NULL;
	size_t key_len = 0;
	int err;

	if (body_refuse_query(request, reply))
		return;
	if (request->body.len > 0) {
		if (body_parse_object(request, reply, &document))
			return;
		if (parse_reset(json_root(document), &error, &key, &key_len)) {
			problem_invalid(reply, &error);
			return;
		}
	}
	err = admin_limit_reset(request_service(request), &actor, request->id, key, key_len,
				&error);
	if (err)
		outcome_answer(err, noun, NULL, &error, reply);
	else
		reply->status = 204;
}
