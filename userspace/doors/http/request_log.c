/* One log line for a request: which requests have one, and what it says. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "doors/http/http_priv.h"
#include "doors/http/request_id.h"
#include "doors/http/request_log.h"
#include "doors/http/route.h"
#include "doors/http/trace.h"

enum {
	/* Passwords and tokens are longer. */
	PLAIN_MAX = AUTH_PASSWORD_MIN - 1,
	PATH_SHOWN_MAX = 200,
};

static enum http_log_requests which(const struct http *http)
{
	return atomic_load_explicit(&http->log_requests, memory_order_relaxed);
}

uint64_t request_log_begin(const struct http *http)
{
	return which(http) >= HTTP_LOG_ERRORS ? monotonic_ns() : 0;
}

void request_log_time(struct request *request)
{
	if (!request->begun_ns)
		request->begun_ns = monotonic_ns();
}

bool request_log_wants(const struct request *request, const struct reply *reply,
		       unsigned int status)
{
	switch (which(request->http)) {
	case HTTP_LOG_NONE:
		return false;
	case HTTP_LOG_CHANGES:
		return status >= 500 || (request->route && route_changes(request->route));
	case HTTP_LOG_ERRORS:
		/* The verdict of a check is none, whatever its status. */
		return status >= 500 || reply->type == REPLY_PROBLEM ||
		       (request->route && route_changes(request->route));
	case HTTP_LOG_ALL:
		break;
	}
	return true;
}

/* Whether a line may be written now, of those whose number the caller decides. */
static bool is_admitted(const struct request *request, unsigned int status, uint64_t *ret_left_out)
{
	struct http *http = request->http;
	bool known = *request->who.key_id;

	*ret_left_out = 0;
	if (status < 400 || status == 429)
		return true;
	return log_bound_admits(known ? &http->known_lines : &http->stranger_lines, monotonic_ns(),
				ret_left_out);
}

/* A path that leads nowhere may hold anything: each part that could be a secret becomes `*`. */
static void put_path(struct httpd_text path, struct buf *ret)
{
	const char *at = path.text, *end = path.text + path.len;

	while (at < end && ret->len < PATH_SHOWN_MAX) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;

		if (stop - at > PLAIN_MAX)
			buf_put_char(ret, '*');
		else
			buf_put(ret, at, (size_t)(stop - at));
		if (slash)
			buf_put_char(ret, '/');
		at = slash ? slash + 1 : end;
	}
	if (at < end)
		buf_put_str(ret, "...");
}

/* "{id}" as the caller sent it, unless it is none that was ever made here. */
static const char *shown_id(const struct request *request)
{
	const char *mark = request->route ? strchr(request->id, '_') : NULL;

	if (!mark || mark - request->id > 8 || strlen(mark + 1) != ID_RANDOM_LEN ||
	    strspn(mark + 1, "0123456789abcdefghjkmnpqrstvwxyz") != ID_RANDOM_LEN)
		return NULL;
	return request->id;
}

/* The fields of a line in the making. */
struct fields {
	struct log_field at[LOG_FIELDS_MAX];
	size_t n;
};

static void add(struct fields *fields, struct log_field field)
{
	fields->at[fields->n++] = field;
}

/* Unless there is nothing to say. */
static void add_text(struct fields *fields, const char *name, const char *text)
{
	if (text && *text)
		add(fields, LOG_STR(name, text));
}

static void add_method(struct fields *fields, struct httpd_text method)
{
	if (method.len > PLAIN_MAX)
		add(fields, LOG_STR("method", "*"));
	else if (method.len > 0)
		add(fields, LOG_TEXT("method", method.text, method.len));
}

/* What is limited, and so often a customer; unless somebody put an API key of ours there. */
static void add_key(struct fields *fields, const struct request *request)
{
	_cleanup_catalog_ struct catalog *catalog = NULL;
	const struct query_param *key = NULL;
	struct principal who;

	if (request->route->right == AUTH_CHECK && which(request->http) == HTTP_LOG_ALL)
		key = query_get(&request->query, "key");
	if (!key)
		return;
	catalog = service_catalog_get(request_service(request));
	if (keyring_find(catalog->keyring, key->value, key->value_len, &who) == 0)
		add_text(fields, "key", "*");
	else
		add(fields, LOG_TEXT("key", key->value, key->value_len));
}

static void add_target(struct fields *fields, const struct request *request, struct buf *path)
{
	add_method(fields, request->from->method);
	if (request->route) {
		add_text(fields, "route", request->route->path);
		add_text(fields, "id", shown_id(request));
		add_key(fields, request);
		return;
	}
	put_path(request->from->path, path);
	add_text(fields, "path", path->data);
}

static void add_outcome(struct fields *fields, const struct request *request,
			const struct httpd_answer *answer)
{
	add(fields, LOG_U64("status", answer->status));
	if (request->from->refused_status)
		add_text(fields, "reason", request->from->refused_reason);
	if (request->begun_ns)
		add(fields, LOG_U64("duration_us", (monotonic_ns() - request->begun_ns) / 1000));
	add(fields, LOG_U64("bytes", answer->body.len));
}

/* Texts that a line borrows until it is written. */
struct texts {
	char path[PATH_SHOWN_MAX + 2 * PLAIN_MAX];
	char peer[HTTPD_PEER_SIZE];
	char span[SPAN_ID_SIZE];
	struct trace trace;
};

static void add_caller(struct fields *fields, const struct request *request, struct texts *texts)
{
	uint16_t port = httpd_peer_format(request->from->peer, texts->peer);

	if (*request->who.key_id) {
		add_text(fields, "key_id", request->who.key_id);
		add_text(fields, "tenant", request->who.tenant);
	}
	add_text(fields, "peer", texts->peer);
	add(fields, LOG_U64("peer_port", port));
	add_text(fields, "request_id", request->request_id);
	if (!trace_parse(request->headers.traceparent, &texts->trace))
		return;
	span_id_make(texts->span);
	add_text(fields, "trace_id", texts->trace.trace_id);
	add_text(fields, "span_id", texts->span);
	add_text(fields, "parent_id", texts->trace.parent_id);
}

void request_log_write(const struct request *request, const struct httpd_answer *answer)
{
	struct fields fields = {.n = 0};
	struct texts texts;
	struct buf path;
	uint64_t left_out;

	if (!is_admitted(request, answer->status, &left_out))
		return;
	buf_init_fixed(&path, texts.path, sizeof(texts.path));
	add_target(&fields, request, &path);
	add_outcome(&fields, request, answer);
	add_caller(&fields, request, &texts);
	if (left_out)
		add(&fields, LOG_U64("left_out", left_out));
	log_fields(answer->status >= 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "request", fields.at,
		   fields.n);
}
