/* GET /api/events: one client that listens, from its request to the end of its connection. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "doors/http/answer.h"
#include "doors/http/counts.h"
#include "doors/http/events.h"
#include "doors/http/events_text.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "service/events.h"

#define HEARTBEAT_NS (15 * 1000000000ULL)

/* The first thing that is sent: how long to wait before asking again, when the connection is lost. */
static const char greeting[] = "retry: 2000\n\n";
static const char heartbeat[] = ":\n\n";

struct events_client {
	struct http *http;
	struct principal who;
	struct httpd_stream *stream;
	struct events_listener *listener;
	uint64_t said_ns; /* when something was sent last */
	uint64_t lost;    /* events that it was not told, and does not know of */
	struct buf text;
};

/* One place of events_max, or none. */
static bool take_place(struct http *http)
{
	unsigned int open = atomic_load(&http->streams);

	do {
		if (open >= http->config.events_max)
			return false;
	} while (!atomic_compare_exchange_weak(&http->streams, &open, open + 1));
	return true;
}

static void free_client(struct events_client *client)
{
	atomic_fetch_sub(&client->http->streams, 1);
	buf_done(&client->text);
	free(client);
}

/* A key that is revoked, changed or expired listens no longer than it asks. */
static bool may_listen(struct events_client *client)
{
	struct service *service = client->http->config.service;
	const struct catalog *catalog = service_catalog_read(service);
	const struct keyring_entry *entries;
	uint64_t expires_ms;
	size_t n, at;

	if (!catalog)
		return true;
	entries = keyring_entries(catalog->keyring, &n);
	at = keyring_place(entries, n, client->who.tenant, client->who.key_id);
	if (at == n || keyring_compare(&entries[at], client->who.tenant, client->who.key_id) != 0 ||
	    !(entries[at].key.rights & AUTH_EVENTS_READ))
		return false;
	expires_ms = entries[at].key.expires_at_ms;
	return !expires_ms || clock_utc_ms(service_clock(service)) < expires_ms;
}

/* All of it or nothing: of n events, behind the one that tells what was lost, if anything was. */
static void send_text(struct events_client *client, uint64_t now_ns, unsigned int n)
{
	struct http *http = client->http;

	if (client->text.failed ||
	    httpd_stream_write(client->stream, client->text.data, client->text.len) != 0) {
		atomic_fetch_add(&http->events_lost, n);
		client->lost += n;
		return;
	}
	atomic_fetch_add(&http->events_sent, n + (client->lost > 0));
	client->lost = 0;
	client->said_ns = now_ns;
}

static void tell(const struct events_news *news, void *data)
{
	struct events_client *client = data;
	struct buf *text = &client->text;

	if (!may_listen(client)) {
		events_close(client->listener);
		return;
	}
	buf_clear(text);
	if (!client->said_ns)
		client->said_ns = news->now_ns;
	if (client->lost > 0)
		events_put_lost(client->lost, text);
	for (size_t i = 0; i < news->n_decisions; i++)
		events_put_decision(&news->decisions[i], text);
	if (news->rates)
		events_put_rates(news->rates, text);
	if (text->len == 0 && news->now_ns - client->said_ns >= HEARTBEAT_NS)
		buf_put_str(text, heartbeat);
	if (text->len > 0 || text->failed)
		send_text(client, news->now_ns,
			  (unsigned int)news->n_decisions + (news->rates != NULL));
}

static void end(void *data)
{
	struct events_client *client = data;

	httpd_stream_end(client->stream);
	free_client(client);
}

/* The stream's lock is held, so that the client is still there. */
static void note_gone(void *data)
{
	events_close(((struct events_client *)data)->listener);
}

static int parse_only(const struct query *query, struct field_error *error,
		      struct events_wish *wish)
{
	const struct query_param *only = query_get(query, "only");

	wish->rates = !only || strcmp(only->value, "rates") == 0;
	wish->decisions = !only || strcmp(only->value, "decisions") == 0;
	if (wish->rates || wish->decisions)
		return 0;
	field_error_set(error, "only", "must be rates or decisions");
	return QUERY_E_INVALID;
}

/* Non-zero, with *reply a problem, unless the wish can be granted. */
static int parse_wish(const struct request *request, struct reply *reply, struct events_wish *wish)
{
	static const char *const names[] = {"only", "limit"};
	const struct query_param *asked = query_get(&request->query, "limit");
	const struct catalog *catalog;
	const struct limit *limit;
	struct field_error error;

	if (query_allow(&request->query, names, 2, &error) ||
	    parse_only(&request->query, &error, wish)) {
		problem_invalid(reply, &error);
		return -EINVAL;
	}
	if (!asked)
		return 0;
	catalog = service_catalog_read(request_service(request));
	if (!catalog) {
		problem_fault(reply, -ENOMEM);
		return -ENOMEM;
	}
	limit = catalog_find(catalog, wish->tenant_number, asked->value);
	if (!limit) {
		problem_set(reply, 404, "limit", "there is no limit of this id");
		return -ENOENT;
	}
	memcpy(wish->limit, limit->id, sizeof(wish->limit));
	return 0;
}

static struct events_client *new_client(const struct request *request, struct events_wish *wish)
{
	struct events_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->http = request->http;
	client->who = request->who;
	buf_init(&client->text);
	wish->data = client;
	if (events_listener_new(request_service(request), wish, &client->listener)) {
		free(client);
		return NULL;
	}
	return client;
}

static void refuse_place(const struct request *request, struct reply *reply)
{
	unsigned int most = request->http->config.events_max;

	if (most == 0) {
		problem_set(reply, 503, NULL, "events are turned off here: events_max is 0");
		return;
	}
	problem_set(reply, 503, NULL, "%u streams of events are open, as many as there may be",
		    most);
	strcpy(reply->retry_after, "5");
}

void handle_events(struct request *request, struct reply *reply)
{
	struct events_wish wish = {
		.tenant_number = request->who.tenant_number,
		.tell = tell,
		.end = end,
	};

	if (parse_wish(request, reply, &wish))
		return;
	if (!take_place(request->http)) {
		refuse_place(request, reply);
		return;
	}
	reply->type = REPLY_EVENTS;
	reply->events = new_client(request, &wish);
	if (reply->events)
		return;
	atomic_fetch_sub(&request->http->streams, 1);
	problem_fault(reply, -ENOMEM);
}

void events_follow(struct httpd_exchange *exchange, struct request *request, struct reply *reply)
{
	struct events_client *client = reply->events;
	const struct httpd_stream_watch watch = {.gone = note_gone, .data = client};
	char headers[RESPONSE_HEADERS_MAX];
	struct httpd_answer made;
	int err;

	answer_make(request, reply, headers, &made);
	err = httpd_stream_begin(exchange, &made, &watch, &client->stream);
	if (err) {
		problem_fault(reply, err);
		response_make(reply, headers, &made);
		httpd_answer(exchange, &made);
	}
	counts_add(request, made.status);
	if (!client->stream) {
		events_listener_free(client->listener);
		free_client(client);
		return;
	}
	(void)httpd_stream_write(client->stream, greeting, sizeof(greeting) - 1);
	/* From now on the client is the thread's of events. */
	events_begin(client->listener);
}
