/* Takes requests from libmicrohttpd, decides about each, and hands the good ones to handlers. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "doors/http/admit.h"
#include "doors/http/connection.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "doors/http/response.h"
#include "doors/http/route.h"

enum {
	/* A body that grows past REQUEST_BODY_MAX is read on for this long, to be answered then. */
	DROPPED_BODY_MAX = 16 * REQUEST_BODY_MAX,
};

struct connection {
	struct worker_job job; /* first: a job is its connection */
	struct watch_entry watch;
	struct MHD_Connection *mhd;
	const char *uri_end; /* of the target in libmicrohttpd's buffer */
	size_t target_len;   /* over REQUEST_TARGET_MAX: target is not valid */
	bool begun;          /* the header section was seen */
	bool answered;       /* reply is complete, and only waits to be sent */
	size_t dropped;      /* bytes of a body that nobody will read */
	struct buf body;
	struct reply reply; /* of answers that outlast the callback; valid once begun */
	struct request request;
	char target[REQUEST_TARGET_MAX + 1];
};

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void start_connection(struct http *http, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection = info ? malloc(sizeof(*connection)) : NULL;

	*socket_context = connection;
	if (!connection)
		return;
	memset(connection, 0, offsetof(struct connection, request));
	connection->request.http = http;
	connection->mhd = mhd;
	watch_add(http->watch, &connection->watch, info->connect_fd);
}

void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
		       enum MHD_ConnectionNotificationCode code)
{
	struct http *http = cls;
	struct connection *connection = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		start_connection(http, mhd, socket_context);
	} else if (connection) {
		watch_remove(http->watch, &connection->watch);
		free(connection);
		*socket_context = NULL;
	}
}

size_t connection_keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

void *connection_log_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct connection *connection = connection_of(mhd);

	(void)cls;
	if (!connection)
		return NULL;
	connection->begun = false;
	connection->target_len = strlen(uri);
	connection->uri_end = uri + connection->target_len;
	if (connection->target_len <= REQUEST_TARGET_MAX)
		memcpy(connection->target, uri, connection->target_len + 1);
	return connection;
}

static enum MHD_Result take_header(void *data, enum MHD_ValueKind kind, const char *name,
				   size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	request_headers_take(data, (struct request_text){name, name_len},
			     (struct request_text){value ? value : "", value_len});
	return MHD_YES;
}

static enum MHD_Result send_reply(struct connection *connection, struct reply *reply)
{
	struct http *http = connection->request.http;

	if (atomic_load_explicit(&http->draining, memory_order_relaxed))
		reply->close = true;
	watch_enter(&connection->watch, WATCH_ANSWER);
	return response_queue(connection->mhd, reply);
}

static enum MHD_Result answer_at_once(struct connection *connection)
{
	struct request *request = &connection->request;
	char text[ROUTE_POLL_REPLY_MAX];
	struct reply reply;

	reply_init_fixed(&reply, text, sizeof(text));
	request->route->handle(request, &reply);
	return send_reply(connection, &reply);
}

/* The header section is complete. */
static enum MHD_Result begin_request(struct connection *connection, const char *method,
				     const char *version)
{
	struct request *request = &connection->request;
	struct request_headers *headers = &request->headers;
	struct admit_target target = {connection->target, connection->target_len};
	bool has_body;

	connection->begun = true;
	connection->answered = false;
	connection->dropped = 0;
	reply_init(&connection->reply);
	buf_init(&connection->body);
	memset(headers, 0, sizeof(*headers));
	MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, take_header, headers);
	/* libmicrohttpd ends texts at a NUL; then the target does not end where the version begins. */
	if (version != connection->uri_end + 1)
		headers->wrong = "the request line is malformed";
	has_body = headers->chunked || headers->content_length > 0;

	if (admit_request(request, target, method, version, &connection->reply)) {
		connection->answered = true;
		/* An answer before the body makes libmicrohttpd close, even where there is none. */
		if (connection->reply.close || (has_body && headers->expects_continue))
			return send_reply(connection, &connection->reply);
	}
	watch_enter(&connection->watch, has_body ? WATCH_BODY : WATCH_WORK);
	return MHD_YES;
}

/* Answers cannot be sent amid a body, so a refused one is read to its end, within bounds. */
static enum MHD_Result take_body(struct connection *connection, const char *data, size_t len)
{
	if (!connection->answered && len > REQUEST_BODY_MAX - connection->body.len) {
		admit_refuse_body(&connection->reply);
		connection->answered = true;
	}
	if (connection->answered) {
		connection->dropped += len;
		return connection->dropped > DROPPED_BODY_MAX ? MHD_NO : MHD_YES;
	}
	buf_put(&connection->body, data, len);
	return connection->body.failed ? MHD_NO : MHD_YES;
}

static void run_handler(struct connection *connection)
{
	connection->request.route->handle(&connection->request, &connection->reply);
	connection->answered = true;
}

static void run_on_worker(struct worker_job *job)
{
	struct connection *connection = (struct connection *)job;

	run_handler(connection);
	MHD_resume_connection(connection->mhd);
}

/* The body is complete, or a worker has made the answer. */
static enum MHD_Result finish_request(struct connection *connection)
{
	struct request *request = &connection->request;
	enum route_place place;

	if (connection->answered)
		return send_reply(connection, &connection->reply);
	place = request->route->place;
	if (place == ROUTE_POLL)
		return answer_at_once(connection);
	request->body = connection->body.data;
	request->body_len = connection->body.len;
	if (place == ROUTE_BY_SIZE && request->body_len <= ROUTE_POLL_BODY_MAX) {
		run_handler(connection);
		return send_reply(connection, &connection->reply);
	}
	watch_enter(&connection->watch, WATCH_WORK);
	connection->job.run = run_on_worker;
	MHD_suspend_connection(connection->mhd);
	if (!worker_pool_push(request->http->workers, &connection->job)) {
		problem_set(&connection->reply, 503, NULL, "the server is stopping");
		connection->answered = true;
		MHD_resume_connection(connection->mhd);
	}
	return MHD_YES;
}

enum MHD_Result connection_handle(void *cls, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_len, void **request_context)
{
	struct connection *connection = *request_context;
	enum MHD_Result result;

	(void)cls;
	(void)mhd;
	(void)url;
	if (!connection)
		return MHD_NO;
	if (!connection->begun)
		return begin_request(connection, method, version);
	if (*upload_len == 0)
		return finish_request(connection);
	result = take_body(connection, upload_data, *upload_len);
	*upload_len = 0;
	return result;
}

void connection_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
			  enum MHD_RequestTerminationCode code)
{
	struct connection *connection = *request_context;

	(void)cls;
	(void)mhd;
	(void)code;
	if (!connection)
		return;
	if (connection->begun) {
		buf_done(&connection->body);
		reply_done(&connection->reply);
		connection->begun = false;
	}
	watch_enter(&connection->watch, WATCH_IDLE);
}
