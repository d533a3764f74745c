/* The one table of what the door answers: method, path, right, place to run, handler. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doors/http/reply.h"
#include "doors/http/request.h"

enum route_place {
	ROUTE_LOOP,    /* on the loop's thread: no file, database or password work, ~100 us */
	ROUTE_WORKER,  /* on a worker */
	ROUTE_BY_SIZE, /* on a worker when the body is longer than ROUTE_LOOP_BODY_MAX */
};

enum {
	ROUTE_LOOP_BODY_MAX = 2048,
	/* What a ROUTE_LOOP route without a body may write: the largest check answer fits. */
	ROUTE_LOOP_REPLY_MAX = 24 * 1024,
};

struct route {
	const char *method;
	const char *path; /* "{id}" stands for one segment */
	uint32_t right;   /* enum auth_right; 0: no credentials asked */
	enum route_place place;
	bool body;  /* takes one */
	bool head;  /* HEAD works as well: asking changes nothing */
	bool test;  /* only with a test clock */
	bool timed; /* how long it takes is measured */
	void (*handle)(struct request *request, struct reply *reply);
};

enum {
	ROUTE_E_PATH = 1,   /* no such path */
	ROUTE_E_METHOD = 2, /* the path has other methods: *ret_allow */
};

/* 0 with *ret and, of "{id}", ret_id; allow is written on ROUTE_E_METHOD only. */
int route_find(struct httpd_text method, struct httpd_text path, bool with_test,
	       const struct route **ret, char ret_id[ID_SIZE], char allow[REPLY_TEXT_SIZE]);

/* Not a check and not open to anybody; and of those, whether it may change something. */
bool route_is_admin(const struct route *route);
bool route_changes(const struct route *route);

/* The rows in order; NULL behind the last. */
const struct route *route_at(size_t index);
size_t route_index(const struct route *route);
