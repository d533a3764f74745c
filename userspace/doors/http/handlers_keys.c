/* API keys over HTTP: list, make, read, change and revoke. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "doors/http/body.h"
#include "doors/http/etag.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/outcome.h"
#include "doors/http/page.h"
#include "doors/http/problem.h"
#include "service/admin_keys.h"

static const char noun[] = "API key", id_prefix[] = "key_";

static void answer_page(struct request *request, const struct page *page, struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	struct api_key_shown shown = {
		.now_ms = clock_utc_ms(service_clock(request_service(request)))};
	const struct keyring_entry *entries;
	size_t n, total;

	catalog_keys(catalog, request->who.tenant, NULL, &total);
	entries = catalog_keys(catalog, request->who.tenant, page->after, &n);
	buf_put_str(&reply->body, "{\"keys\":[");
	for (size_t i = 0; i < n && i < page->size; i++) {
		if (i)
			buf_put_char(&reply->body, ',');
		shown.last_used_at_ms = key_use_last_ms(entries[i].use);
		api_key_write(&entries[i].key, &shown, &reply->body);
	}
	page_end(n > page->size ? entries[page->size - 1].key.id : NULL, total, &reply->body);
}

void handle_keys_list(struct request *request, struct reply *reply)
{
	static const char *const names[] = {"limit", "cursor"};
	struct field_error error;
	struct page page;

	if (query_allow(&request->query, names, 2, &error) ||
	    page_parse(&request->query, id_prefix, &error, &page))
		problem_invalid(reply, &error);
	else
		answer_page(request, &page, reply);
}

/* token: of a key that was just made. */
static void answer_key(struct request *request, const struct api_key *key, const char *token,
		       struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	const struct keyring_entry *entry = catalog_find_key(catalog, key->tenant, key->id);
	const struct api_key_shown shown = {
		.now_ms = clock_utc_ms(service_clock(request_service(request))),
		.last_used_at_ms = entry ? key_use_last_ms(entry->use) : 0,
		.token = token,
	};

	etag_format(key->revision, reply->etag);
	api_key_write(key, &shown, &reply->body);
}

void handle_keys_create(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	struct admin_key_result result;
	int err;

	if (body_refuse_query(request, reply) || body_parse_object(request, reply, &document))
		return;
	err = admin_key_create(request_service(request), &actor, json_root(document), &error,
			       &result);
	if (err) {
		outcome_answer(err, noun, NULL, &error, reply);
		return;
	}
	reply->status = 201;
	snprintf(reply->location, sizeof(reply->location), "/api/keys/%s", result.key.id);
	answer_key(request, &result.key, result.token, reply);
	explicit_bzero(result.token, sizeof(result.token));
}

void handle_keys_get(struct request *request, struct reply *reply)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	const struct keyring_entry *entry;

	if (body_refuse_query(request, reply))
		return;
	entry = catalog_find_key(catalog, request->who.tenant, request->id);
	if (entry)
		answer_key(request, &entry->key, NULL, reply);
	else
		outcome_answer(ADMIN_E_NOT_FOUND, noun, NULL, NULL, reply);
}

static int get_if_match(const struct request *request, struct reply *reply, uint64_t *ret)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(request_service(request));
	const struct keyring_entry *entry =
		catalog_find_key(catalog, request->who.tenant, request->id);

	return outcome_if_match(request, noun, entry ? entry->key.revision : 0, reply, ret);
}

void handle_keys_update(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	struct admin_target target = {.id = request->id};
	struct admin_key_result result;
	int err;

	if (body_refuse_query(request, reply) || get_if_match(request, reply, &target.revision) ||
	    body_parse_object(request, reply, &document))
		return;
	err = admin_key_update(request_service(request), &actor, &target, json_root(document),
			       &error, &result);
	if (err)
		outcome_answer(err, noun, NULL, &error, reply);
	else
		answer_key(request, &result.key, NULL, reply);
}

void handle_keys_delete(struct request *request, struct reply *reply)
{
	const struct actor actor = request_actor(request);
	struct field_error error = {.field = ""};
	struct admin_target target = {.id = request->id};
	int err;

	if (body_refuse_query(request, reply) || get_if_match(request, reply, &target.revision))
		return;
	err = admin_key_delete(request_service(request), &actor, &target, &error);
	if (err)
		outcome_answer(err, noun, NULL, &error, reply);
	else
		reply->status = 204;
}
