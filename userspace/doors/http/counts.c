/* Counts answers by row of the route table, and times some of the requests with checks. */
/* SPDX-License-Identifier: MIT */

#include "base/clock.h"
#include "doors/http/counts.h"
#include "doors/http/route.h"
#include "httpd/httpd.h"

/* Cells: the times, then METRICS_N_CLASSES for "other" and for each row of the route table. */
enum {
	CELL_TIMES = 0,
	CELL_OTHER = TIMES_CELLS,
	CELL_ROUTES = CELL_OTHER + METRICS_N_CLASSES,
};

/* Of this thread: requests to timed routes until the next one that is timed. */
static _Thread_local unsigned int untimed;

int counts_new(struct counters **ret)
{
	size_t n = 0;

	while (route_at(n))
		n++;
	return counters_new(CELL_ROUTES + n * METRICS_N_CLASSES, ret);
}

uint64_t counts_begin(void)
{
	return untimed == 0 ? monotonic_ns() : 0;
}

void counts_admitted(struct request *request)
{
	if (!request->route->timed)
		request->started_ns = 0;
	else if (untimed-- == 0)
		untimed = COUNTS_TIMED_EVERY - 1;
}

static size_t class_of(unsigned int status)
{
	if (status < 400)
		return METRICS_2XX;
	return status < 500 ? METRICS_4XX : METRICS_5XX;
}

void counts_add(const struct request *request, unsigned int status)
{
	struct counters *counts = request->http->counts;
	size_t cell = CELL_OTHER;

	if (request->route)
		cell = CELL_ROUTES + route_index(request->route) * METRICS_N_CLASSES;
	counters_add(counts, cell + class_of(status), 1);
	if (request->started_ns)
		times_add(counts, CELL_TIMES, monotonic_ns() - request->started_ns);
}

static void read_route(const struct http *http, size_t cell, const char *method, const char *path,
		       struct metrics_facts *ret)
{
	struct metrics_route *route = &ret->routes[ret->n_routes];

	if (ret->n_routes == METRICS_ROUTES_MAX)
		return;
	*route = (struct metrics_route){.method = method, .path = path};
	for (size_t i = 0; i < METRICS_N_CLASSES; i++)
		route->answers[i] = counters_read(http->counts, cell + i);
	ret->n_routes++;
}

void counts_read(const struct http *http, struct metrics_facts *ret)
{
	const struct httpd *httpd = atomic_load(&http->httpd);
	struct httpd_room room = {0};
	const struct route *route;

	ret->n_routes = 0;
	for (size_t i = 0; (route = route_at(i)); i++)
		if (!route->test || http->config.test_clock)
			read_route(http, CELL_ROUTES + i * METRICS_N_CLASSES, route->method,
				   route->path, ret);
	read_route(http, CELL_OTHER, "other", "other", ret);
	times_read(http->counts, CELL_TIMES, &ret->http_checks);
	if (httpd)
		httpd_room(httpd, &room);
	ret->connections = room.connections;
	ret->http_bytes = room.held;
	ret->http_bytes_max = room.held_max;
	ret->displaced = room.displaced;
	ret->connections_max = http->config.connections_max;
	ret->streams = atomic_load(&http->streams);
	ret->streams_max = http->config.events_max;
	ret->events_sent = atomic_load(&http->events_sent);
	ret->events_lost = atomic_load(&http->events_lost);
}
