/* The route table: what is found where, and what a path allows. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/route.h"

static int find(const char *method, const char *path, const struct route **ret, char *id,
		char *allow)
{
	*allow = '\0';
	return route_find((struct httpd_text){method, strlen(method)},
			  (struct httpd_text){path, strlen(path)}, true, ret, id, allow);
}

static void route_finds_method_and_segment(void **state)
{
	static const struct {
		const char *method, *path, *pattern, *id;
		uint32_t right;
	} rows[] = {
		{"GET", "/api/check", "/api/check", "", AUTH_CHECK},
		{"HEAD", "/api/limits", "/api/limits", "", AUTH_LIMITS_READ},
		{"DELETE", "/api/limits/lim_1", "/api/limits/{id}", "lim_1", AUTH_LIMITS_WRITE},
		{"POST", "/api/limits/x/reset", "/api/limits/{id}/reset", "x", AUTH_LIMITS_WRITE},
		{"POST", "/api/limits/x/confirm", "/api/limits/{id}/confirm", "x",
		 AUTH_LIMITS_WRITE},
		{"GET", "/api/packets", "/api/packets", "", AUTH_LIMITS_READ},
		{"HEAD", "/api/packets", "/api/packets", "", AUTH_LIMITS_READ},
		{"GET", "/metrics", "/metrics", "", AUTH_METRICS_READ},
		{"GET", "/livez", "/livez", "", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[ID_SIZE], allow[REPLY_TEXT_SIZE];
		const struct route *route;

		assert_int_equal(find(rows[i].method, rows[i].path, &route, id, allow), 0);
		assert_string_equal(route->path, rows[i].pattern);
		assert_string_equal(id, rows[i].id);
		assert_int_equal(route->right, rows[i].right);
	}
}

static void route_unknown_path_or_method_is_told_apart(void **state)
{
	static const struct {
		const char *method, *path;
		int result;
		const char *allow;
	} rows[] = {
		{"HEAD", "/api/check", ROUTE_E_METHOD, "GET, POST"},
		{"get", "/api/check", ROUTE_E_METHOD, "GET, POST"},
		{"", "/livez", ROUTE_E_METHOD, "GET, HEAD"},
		{"PATCH", "/api/limits/x", ROUTE_E_METHOD, "GET, HEAD, PUT, DELETE"},
		{"GET", "/api/limits/x/confirm", ROUTE_E_METHOD, "POST"},
		{"GET", "", ROUTE_E_PATH, ""},
		{"GET", "/api/limits/", ROUTE_E_PATH, ""},
		{"GET", "/api/limits/a/b", ROUTE_E_PATH, ""},
		{"GET", "/api/limits/0123456789012345678901234567890123456789", ROUTE_E_PATH, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[ID_SIZE], allow[REPLY_TEXT_SIZE];
		const struct route *route;

		assert_int_equal(find(rows[i].method, rows[i].path, &route, id, allow),
				 rows[i].result);
		assert_string_equal(allow, rows[i].allow);
	}
}

static void route_test_clock_is_hidden_without_one(void **state)
{
	const struct httpd_text post = {"POST", 4}, path = {"/test/clock", 11};
	char id[ID_SIZE], allow[REPLY_TEXT_SIZE];
	const struct route *route;

	assert_int_equal(route_find(post, path, true, &route, id, allow), 0);
	assert_int_equal(route_find(post, path, false, &route, id, allow), ROUTE_E_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_finds_method_and_segment),
		cmocka_unit_test(route_unknown_path_or_method_is_told_apart),
		cmocka_unit_test(route_test_clock_is_hidden_without_one),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
