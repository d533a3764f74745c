/* What the door counts: answers by route and status, and every 16th request with checks timed. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/counts.h"
#include "doors/http/route.h"
#include "httpd/httpd_priv.h"

/* A door that serves nobody. */
struct door {
	struct http http;
	struct httpd httpd; /* without loops */
	struct metrics_facts facts;
};

static int setup(void **state)
{
	struct door *door = calloc(1, sizeof(*door));

	assert_non_null(door);
	door->http.httpd = &door->httpd;
	assert_int_equal(counts_new(&door->http.counts), 0);
	*state = door;
	return 0;
}

static int teardown(void **state)
{
	struct door *door = *state;

	counters_free(door->http.counts);
	free(door);
	return 0;
}

static const struct route *find(const char *method, const char *path)
{
	char id[ID_SIZE], allow[REPLY_TEXT_SIZE];
	const struct route *route;

	assert_int_equal(route_find((struct httpd_text){method, strlen(method)},
				    (struct httpd_text){path, strlen(path)}, true, &route, id,
				    allow),
			 0);
	return route;
}

static void ask(struct door *door, const struct route *route, unsigned int status)
{
	struct request request = {.http = &door->http};

	request.started_ns = counts_begin();
	request.route = route;
	if (route)
		counts_admitted(&request);
	else
		request.started_ns = 0;
	counts_add(&request, status);
}

static const struct metrics_route *read_row(struct door *door, const char *method, const char *path)
{
	counts_read(&door->http, &door->facts);
	for (size_t i = 0; i < door->facts.n_routes; i++)
		if (strcmp(door->facts.routes[i].method, method) == 0 &&
		    strcmp(door->facts.routes[i].path, path) == 0)
			return &door->facts.routes[i];
	return NULL;
}

static void answers_count_for_their_row_and_class(void **state)
{
	struct door *door = *state;
	const struct metrics_route *row;

	ask(door, find("GET", "/livez"), 200);
	ask(door, find("HEAD", "/livez"), 200);
	ask(door, find("GET", "/livez"), 429);
	ask(door, find("GET", "/livez"), 503);
	ask(door, find("PUT", "/api/limits/lim_1"), 200);
	ask(door, NULL, 404);
	row = read_row(door, "GET", "/livez");
	assert_int_equal(row->answers[METRICS_2XX], 2);
	assert_int_equal(row->answers[METRICS_4XX], 1);
	assert_int_equal(row->answers[METRICS_5XX], 1);
	assert_int_equal(read_row(door, "PUT", "/api/limits/{id}")->answers[METRICS_2XX], 1);
	assert_int_equal(read_row(door, "other", "other")->answers[METRICS_4XX], 1);
	assert_int_equal(read_row(door, "other", "other")->answers[METRICS_2XX], 0);
}

static void test_route_shows_only_with_a_test_clock(void **state)
{
	struct door *door = *state;
	struct clock clock;

	assert_null(read_row(door, "POST", "/test/clock"));
	door->http.config.test_clock = &clock;
	assert_non_null(read_row(door, "POST", "/test/clock"));
}

static uint64_t count_timed(struct door *door)
{
	uint64_t n = 0;

	counts_read(&door->http, &door->facts);
	for (size_t i = 0; i <= SLUICE_TIMES_N; i++)
		n += door->facts.http_checks.buckets[i];
	return n;
}

/* Requests in between, of another kind, shift nothing. */
static void every_16th_check_is_timed_and_nothing_else(void **state)
{
	struct door *door = *state;
	const struct route *check = find("GET", "/api/check"), *live = find("GET", "/livez");

	for (unsigned int i = 0; i < 10 * COUNTS_TIMED_EVERY; i++) {
		ask(door, check, 200);
		ask(door, live, 200);
		assert_int_equal(count_timed(door), i / COUNTS_TIMED_EVERY + 1);
	}
}

#define ON_DOOR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DOOR(answers_count_for_their_row_and_class),
		ON_DOOR(test_route_shows_only_with_a_test_clock),
		ON_DOOR(every_16th_check_is_timed_and_nothing_else),
	};

	return cmocka_run_group_tests_name("http/counts", tests, NULL, NULL);
}
