/* The one table of what the door answers: method, path, right, place to run, handler. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "doors/http/handlers.h"
#include "doors/http/route.h"

static const struct route routes[] = {
	{"GET", "/api/check", .right = AUTH_CHECK, .place = ROUTE_LOOP, .timed = true,
	 .handle = handle_check_get},
	{"POST", "/api/check", .right = AUTH_CHECK, .place = ROUTE_BY_SIZE, .body = true,
	 .timed = true, .handle = handle_check_post},
	{"GET", "/api/limits", .right = AUTH_LIMITS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_limits_list},
	{"POST", "/api/limits", .right = AUTH_LIMITS_WRITE, .place = ROUTE_WORKER, .body = true,
	 .handle = handle_limits_create},
	{"GET", "/api/limits/{id}", .right = AUTH_LIMITS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_limits_get},
	{"PUT", "/api/limits/{id}", .right = AUTH_LIMITS_WRITE, .place = ROUTE_WORKER, .body = true,
	 .handle = handle_limits_update},
	{"DELETE", "/api/limits/{id}", .right = AUTH_LIMITS_WRITE, .place = ROUTE_WORKER,
	 .handle = handle_limits_delete},
	{"POST", "/api/limits/{id}/reset", .right = AUTH_LIMITS_WRITE, .place = ROUTE_WORKER,
	 .body = true, .handle = handle_limits_reset},
	{"POST", "/api/limits/{id}/confirm", .right = AUTH_LIMITS_WRITE, .place = ROUTE_WORKER,
	 .handle = handle_limits_confirm},
	{"GET", "/api/keys", .right = AUTH_KEYS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_keys_list},
	{"POST", "/api/keys", .right = AUTH_KEYS_WRITE, .place = ROUTE_WORKER, .body = true,
	 .handle = handle_keys_create},
	{"GET", "/api/keys/{id}", .right = AUTH_KEYS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_keys_get},
	{"PUT", "/api/keys/{id}", .right = AUTH_KEYS_WRITE, .place = ROUTE_WORKER, .body = true,
	 .handle = handle_keys_update},
	{"DELETE", "/api/keys/{id}", .right = AUTH_KEYS_WRITE, .place = ROUTE_WORKER,
	 .handle = handle_keys_delete},
	{"GET", "/api/audit", .right = AUTH_AUDIT_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_audit},
	{"GET", "/api/usage", .right = AUTH_USAGE_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_usage},
	{"GET", "/api/packets", .right = AUTH_LIMITS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_packets},
	{"GET", "/api/events", .right = AUTH_EVENTS_READ, .place = ROUTE_LOOP, .head = true,
	 .handle = handle_events},
	{"GET", "/metrics", .right = AUTH_METRICS_READ, .place = ROUTE_WORKER, .head = true,
	 .handle = handle_metrics},
	{"GET", "/livez", .place = ROUTE_LOOP, .head = true, .handle = handle_livez},
	{"GET", "/readyz", .place = ROUTE_LOOP, .head = true, .handle = handle_readyz},
	{"GET", "/healthz", .place = ROUTE_LOOP, .head = true, .handle = handle_readyz},
	{"POST", "/test/clock", .place = ROUTE_WORKER, .body = true, .test = true,
	 .handle = handle_test_clock},
};

/* Whether path has the pattern's form; *ret_id is the segment at "{id}". */
static bool match_path(const char *pattern, struct httpd_text path, struct httpd_text *ret_id)
{
	const char *at = path.text, *end = path.text + path.len;

	while (*pattern) {
		if (*pattern == '{') {
			const char *slash = memchr(at, '/', (size_t)(end - at));
			const char *stop = slash ? slash : end;

			*ret_id = (struct httpd_text){at, (size_t)(stop - at)};
			if (ret_id->len == 0 || ret_id->len >= ID_SIZE)
				return false;
			pattern = strchr(pattern, '}') + 1;
			at = stop;
		} else if (at == end || *pattern++ != *at++) {
			return false;
		}
	}
	return at == end;
}

static bool is_method(const char *name, struct httpd_text method)
{
	return strlen(name) == method.len && memcmp(name, method.text, method.len) == 0;
}

static bool match_method(const struct route *route, struct httpd_text method)
{
	return is_method(route->method, method) || (route->head && is_method("HEAD", method));
}

static void add_method(char allow[REPLY_TEXT_SIZE], const struct route *route)
{
	size_t used = strlen(allow);

	snprintf(allow + used, REPLY_TEXT_SIZE - used, "%s%s%s", used ? ", " : "", route->method,
		 route->head ? ", HEAD" : "");
}

int route_find(struct httpd_text method, struct httpd_text path, bool with_test,
	       const struct route **ret, char ret_id[ID_SIZE], char allow[REPLY_TEXT_SIZE])
{
	char methods[REPLY_TEXT_SIZE] = "";

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *route = &routes[i];
		struct httpd_text id = {"", 0};

		if ((route->test && !with_test) || !match_path(route->path, path, &id))
			continue;
		if (match_method(route, method)) {
			memcpy(ret_id, id.text, id.len);
			ret_id[id.len] = '\0';
			*ret = route;
			return 0;
		}
		add_method(methods, route);
	}
	if (!*methods)
		return ROUTE_E_PATH;
	memcpy(allow, methods, sizeof(methods));
	return ROUTE_E_METHOD;
}

bool route_is_admin(const struct route *route)
{
	return route->right && route->right != AUTH_CHECK;
}

bool route_changes(const struct route *route)
{
	return route_is_admin(route) && strcmp(route->method, "GET") != 0;
}

const struct route *route_at(size_t index)
{
	return index < sizeof(routes) / sizeof(routes[0]) ? &routes[index] : NULL;
}

size_t route_index(const struct route *route)
{
	return (size_t)(route - routes);
}
