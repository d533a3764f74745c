/* Limits over HTTP: list, create, read, change, delete and reset. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/http/body.h"
#include "doors/http/etag.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "json/json.h"
#include "json/writer.h"
#include "service/admin.h"

enum {
	PAGE_DEFAULT = 100,
	PAGE_MAX = 1000,
};

static struct service *service_of(const struct request *request)
{
	return request->http->config.service;
}

static void refuse_unknown(struct reply *reply)
{
	problem_set(reply, 404, NULL, "there is no such limit");
}

/* What the admin calls say, as an answer. */
static void answer_outcome(int err, const char *existing_id, const struct field_error *error,
			   struct reply *reply)
{
	switch (err) {
	case ADMIN_E_INVALID:
		problem_invalid(reply, error);
		break;
	case ADMIN_E_NOT_FOUND:
		refuse_unknown(reply);
		break;
	case ADMIN_E_EXISTS:
		problem_exists(reply, error, existing_id);
		break;
	case ADMIN_E_REVISION:
		problem_set(reply, 412, NULL, "the limit has changed: its ETag is another now");
		break;
	case ADMIN_E_UNKNOWN:
		log_warning("http: a change %s", error->message);
		problem_set(reply, 503, NULL, "the change %s: read it before trying again",
			    error->message);
		break;
	case ADMIN_E_STORE:
		log_warning("http: a change was refused: %s", error->message);
		problem_set(reply, 503, NULL, "nothing was changed: %s", error->message);
		break;
	case ADMIN_E_TOO_MANY:
		problem_set(reply, 409, error->field, "%s", error->message);
		break;
	case ADMIN_E_OFF:
		problem_set(reply, 503, NULL, "nothing was changed: packets are not limited: %s",
			    error->message);
		break;
	case ADMIN_E_UNSUPPORTED:
		problem_set(reply, 422, error->field, "%s", error->message);
		break;
	case ADMIN_E_CONFIRMED:
	case ADMIN_E_FILE:
		problem_set(reply, 409, NULL, "%s", error->message);
		break;
	default:
		log_error("http: a change failed: %s", strerror(-err));
		problem_fault(reply, err);
		break;
	}
}

static void answer_limit(struct request *request, const struct limit *limit, bool with_stats,
			 struct reply *reply)
{
	struct service *service = service_of(request);
	struct limit_stats stats = {.allowed = 0};
	struct limit_capacity capacity;
	bool in_force;

	etag_format(limit->revision, reply->etag);
	if (with_stats)
		service_limit_stats(service, limit, &stats);
	in_force = service_limit_capacity(service, limit, &capacity) == 0;
	limit_write(limit, with_stats ? &stats : NULL, in_force ? &capacity : NULL, &reply->body);
}

static int parse_page(const struct query *query, struct field_error *error, size_t *ret_size,
		      const char **ret_after)
{
	static const char *const names[] = {"limit", "cursor"};
	const struct query_param *cursor = query_get(query, "cursor");
	int64_t size = PAGE_DEFAULT;

	if (query_allow(query, names, 2, error) || query_get_s64(query, "limit", error, &size))
		return QUERY_E_INVALID;
	if (size < 1 || size > PAGE_MAX) {
		field_error_set(error, "limit", "must be 1 to %d", PAGE_MAX);
		return QUERY_E_INVALID;
	}
	/* A cursor is a limit's id; anything else would look like the end of the list. */
	if (cursor && (strncmp(cursor->value, "lim_", 4) != 0 || cursor->value_len >= ID_SIZE)) {
		field_error_set(error, "cursor", "must be the next_cursor of a former page");
		return QUERY_E_INVALID;
	}
	*ret_size = (size_t)size;
	*ret_after = cursor ? cursor->value : NULL;
	return 0;
}

/* A cursor is the id of a page's last limit: it holds even when that limit is gone. */
static void answer_page(struct request *request, size_t size, const char *after,
			struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service_of(request));
	const struct limit *page[PAGE_MAX + 1];
	struct json_writer writer;
	size_t n;

	n = catalog_page(catalog, request->who.tenant_number, after, page, size + 1);
	buf_put_str(&reply->body, "{\"limits\":[");
	for (size_t i = 0; i < n && i < size; i++) {
		if (i)
			buf_put_char(&reply->body, ',');
		limit_write(page[i], NULL, NULL, &reply->body);
	}
	buf_put_str(&reply->body, "],\"next_cursor\":");
	json_writer_init(&writer, &reply->body);
	if (n > size)
		json_put_str(&writer, page[size - 1]->id);
	else
		json_put_null(&writer);
	buf_put_char(&reply->body, '}');
}

void handle_limits_list(struct request *request, struct reply *reply)
{
	struct field_error error;
	const char *after;
	size_t size;

	if (parse_page(&request->query, &error, &size, &after))
		problem_invalid(reply, &error);
	else
		answer_page(request, size, after, reply);
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
	err = admin_limit_create(service_of(request), &actor, json_root(document), &error, &result);
	if (err) {
		answer_outcome(err, result.existing_id, &error, reply);
		return;
	}
	reply->status = 201;
	snprintf(reply->location, sizeof(reply->location), "/api/limits/%s", result.limit.id);
	answer_limit(request, &result.limit, false, reply);
	limit_done(&result.limit);
}

void handle_limits_get(struct request *request, struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service_of(request));
	const struct limit *limit;

	if (body_refuse_query(request, reply))
		return;
	limit = catalog_find(catalog, request->who.tenant_number, request->id);
	if (limit)
		answer_limit(request, limit, true, reply);
	else
		refuse_unknown(reply);
}

/*
 * The revision that If-Match asks for, 0: any. Of several the one that is current is taken, so
 * that the admin call compares it once more. Non-zero when *reply is a problem.
 */
static int get_if_match(const struct request *request, struct reply *reply, uint64_t *ret)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service_of(request));
	const struct httpd_text *text = &request->headers.if_match;
	const struct limit *limit;
	int err;

	*ret = 0;
	if (!text->text)
		return 0;
	limit = catalog_find(catalog, request->who.tenant_number, request->id);
	if (!limit) {
		refuse_unknown(reply);
		return -ENOENT;
	}
	err = etag_match(text->text, text->len, limit->revision, ret);
	if (err == ETAG_E_INVALID)
		problem_set(reply, 400, "If-Match", "must be * or ETags in double quotes");
	else if (err)
		answer_outcome(ADMIN_E_REVISION, NULL, NULL, reply);
	return err;
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
	err = admin_limit_update(service_of(request), &actor, &target, json_root(document), &error,
				 &result);
	if (err) {
		answer_outcome(err, result.existing_id, &error, reply);
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
	err = admin_limit_delete(service_of(request), &actor, &target, &error);
	if (err)
		answer_outcome(err, NULL, &error, reply);
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
	err = admin_limit_confirm(service_of(request), &actor, request->id, &error, &result);
	if (err) {
		answer_outcome(err, NULL, &error, reply);
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
	err = admin_limit_reset(service_of(request), &actor, request->id, key, key_len, &error);
	if (err)
		answer_outcome(err, NULL, &error, reply);
	else
		reply->status = 204;
}
