/* The past over HTTP: who changed what, and how much was asked. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/random.h"
#include "base/utc.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/page.h"
#include "doors/http/problem.h"
#include "json/writer.h"
#include "service/history.h"

enum {
	PAGE_BYTES = 1 << 20, /* a page ends early that has so many */
	DAY_HOURS = 24,
	HOURS_SHOWN = 24, /* unless `from` is given */
	DAYS_SHOWN = 30,
};

#define HOUR_MS ((uint64_t)LEDGER_HOUR_MS)

static uint64_t now_of(const struct request *request)
{
	return clock_utc_ms(service_clock(request_service(request)));
}

/* A page under way. */
struct listing {
	struct json_writer writer;
	size_t size; /* entries it may have */
	size_t n;
	bool more;
	char next[ID_SIZE]; /* cursor of the page behind it */
};

static void begin_list(struct listing *listing, const struct page *page, struct reply *reply)
{
	*listing = (struct listing){.size = page->size};
	json_writer_init(&listing->writer, &reply->body);
	json_begin_object(&listing->writer);
	json_name(&listing->writer, "entries");
	json_begin_array(&listing->writer);
}

static void end_list(struct listing *listing)
{
	struct json_writer *writer = &listing->writer;

	json_end_array(writer);
	json_name(writer, "next_cursor");
	if (listing->more)
		json_put_str(writer, listing->next);
	else
		json_put_null(writer);
}

/* True when the page takes no more. */
static bool list_full(struct listing *listing)
{
	listing->more = listing->n == listing->size || listing->writer.buf->len > PAGE_BYTES;
	return listing->more;
}

static void answer_failure(int err, const struct field_error *error, struct reply *reply)
{
	buf_clear(&reply->body);
	if (err == HISTORY_E_OFF)
		problem_set(reply, 503, NULL, "%s", error->message);
	else
		problem_fault(reply, err);
}

/* Changes. */

static void put_text(struct json_writer *writer, const char *name, const char *text)
{
	json_name(writer, name);
	if (*text)
		json_put_str(writer, text);
	else
		json_put_null(writer);
}

static void put_time(struct json_writer *writer, const char *name, uint64_t unix_ms)
{
	char text[UTC_TEXT_SIZE];

	utc_format(unix_ms, text);
	json_name(writer, name);
	json_put_str(writer, text);
}

/* It is JSON already. */
static void put_change(struct json_writer *writer, const struct ledger_entry *entry)
{
	char *at;

	json_name(writer, "change");
	at = json_begin_value(writer, entry->change_len);
	if (!at)
		return;
	memcpy(at, entry->change, entry->change_len);
	buf_advance(writer->buf, entry->change_len);
}

static int list_change(const struct ledger_entry *entry, void *data)
{
	struct listing *listing = data;
	struct json_writer *writer = &listing->writer;

	if (list_full(listing))
		return 1;
	json_begin_object(writer);
	put_text(writer, "id", entry->id);
	put_time(writer, "time", entry->time_ms);
	put_text(writer, "actor", entry->actor);
	put_text(writer, "actor_name", entry->actor_name);
	put_text(writer, "peer", entry->peer);
	put_text(writer, "request_id", entry->request_id);
	put_text(writer, "action", entry->action);
	put_text(writer, "object", entry->object);
	json_name(writer, "revision");
	json_put_u64(writer, entry->revision);
	put_change(writer, entry);
	json_end_object(writer);
	listing->n++;
	strncpy(listing->next, entry->id, sizeof(listing->next) - 1);
	return 0;
}

static const char *get_value(const struct query *query, const char *name)
{
	const struct query_param *param = query_get(query, name);

	return param ? param->value : NULL;
}

static int parse_search(const struct query *query, uint64_t now_ms, struct field_error *error,
			struct page *page, struct ledger_search *ret)
{
	static const char *const names[] = {"limit", "cursor", "object", "actor", "since"};

	*ret = (struct ledger_search){.object = get_value(query, "object"),
				      .actor = get_value(query, "actor")};
	if (query_allow(query, names, sizeof(names) / sizeof(names[0]), error) ||
	    page_parse(query, "aud_", error, page) ||
	    query_get_time(query, "since", now_ms, error, &ret->since_ms))
		return QUERY_E_INVALID;
	ret->before = page->after;
	return 0;
}

static void put_waiting(struct request *request, struct json_writer *writer)
{
	struct service_ledger state;

	service_ledger(request_service(request), &state);
	json_name(writer, "waiting");
	json_put_u64(writer, state.waiting);
}

void handle_audit(struct request *request, struct reply *reply)
{
	struct field_error error = {.field = ""};
	struct ledger_search search;
	struct listing listing;
	struct page page;
	int err;

	if (parse_search(&request->query, now_of(request), &error, &page, &search)) {
		problem_invalid(reply, &error);
		return;
	}
	begin_list(&listing, &page, reply);
	err = service_each_change(request_service(request), &request->who, search, list_change,
				  &listing, &error);
	if (err) {
		answer_failure(err, &error, reply);
		return;
	}
	end_list(&listing);
	put_waiting(request, &listing.writer);
	json_end_object(&listing.writer);
}

/* Usage. */

static int list_usage(const struct ledger_usage *usage, void *data)
{
	struct listing *listing = data;
	struct json_writer *writer = &listing->writer;

	utc_format(usage->start_ms, listing->next);
	if (list_full(listing))
		return 1;
	json_begin_object(writer);
	put_time(writer, "start", usage->start_ms);
	json_name(writer, "allowed");
	json_put_u64(writer, usage->allowed);
	json_name(writer, "denied");
	json_put_u64(writer, usage->denied);
	json_name(writer, "tokens");
	json_put_u64(writer, usage->tokens);
	json_name(writer, "refunded");
	json_put_u64(writer, usage->refunded);
	json_end_object(writer);
	listing->n++;
	return 0;
}

static int parse_period(const struct query *query, struct field_error *error, uint64_t *ret_ms)
{
	const char *by = get_value(query, "by");

	if (!by || strcmp(by, "hour") == 0)
		*ret_ms = HOUR_MS;
	else if (strcmp(by, "day") == 0)
		*ret_ms = DAY_HOURS * HOUR_MS;
	else {
		field_error_set(error, "by", "must be hour or day");
		return QUERY_E_INVALID;
	}
	return 0;
}

/* Unless told otherwise: what is under way, and as many periods before as make a day or a month. */
static int parse_span(const struct query *query, uint64_t now_ms, struct field_error *error,
		      struct page *page, struct ledger_span *ret)
{
	static const char *const names[] = {"limit", "cursor", "from", "to", "by"};
	uint64_t shown_ms;

	*ret = (struct ledger_span){.to_ms = now_ms + 1};
	if (query_allow(query, names, sizeof(names) / sizeof(names[0]), error) ||
	    page_parse(query, "", error, page) || parse_period(query, error, &ret->period_ms) ||
	    query_get_time(query, "to", now_ms, error, &ret->to_ms))
		return QUERY_E_INVALID;
	shown_ms = (ret->period_ms == HOUR_MS ? HOURS_SHOWN : DAYS_SHOWN) * ret->period_ms;
	ret->from_ms = ret->to_ms > shown_ms ? ret->to_ms - shown_ms : 0;
	if (query_get_time(query, "from", now_ms, error, &ret->from_ms))
		return QUERY_E_INVALID;
	/* The next page begins where this one ended. */
	return query_get_time(query, "cursor", now_ms, error, &ret->from_ms);
}

void handle_usage(struct request *request, struct reply *reply)
{
	struct field_error error = {.field = ""};
	struct listing listing;
	struct ledger_span span;
	struct page page;
	int err;

	if (parse_span(&request->query, now_of(request), &error, &page, &span)) {
		problem_invalid(reply, &error);
		return;
	}
	begin_list(&listing, &page, reply);
	err = service_each_usage(request_service(request), &request->who, span, list_usage,
				 &listing, &error);
	if (err) {
		answer_failure(err, &error, reply);
		return;
	}
	end_list(&listing);
	json_end_object(&listing.writer);
}
