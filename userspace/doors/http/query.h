/* Reads the query part of a request target strictly. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/field_error.h"

/* The query is wrong; *error names the parameter. */
#define QUERY_E_INVALID 1

enum {
	QUERY_PARAMS_MAX = 8,
};

/* Decoded and NUL-terminated, without a NUL inside; borrowed from the parsed text. */
struct query_param {
	const char *name;
	const char *value;
	size_t value_len;
};

struct query {
	struct query_param params[QUERY_PARAMS_MAX];
	size_t n;
};

/*
 * Decodes text[0..len) in place ("a=1&b=x%20y", `+` is a space); text[len] is overwritten too.
 * Empty pieces are skipped. Refused are broken escapes, control characters, `#`, NUL, bytes that
 * are not UTF-8, empty names, a name given twice and more than QUERY_PARAMS_MAX parameters.
 */
int query_parse(char *text, size_t len, struct field_error *error, struct query *ret);

/* NULL if absent. */
const struct query_param *query_get(const struct query *query, const char *name);
/* QUERY_E_INVALID unless every parameter is one of the n names. */
int query_allow(const struct query *query, const char *const *names, size_t n,
		struct field_error *error);

/* Leave *ret alone when the parameter is absent. */
int query_get_s64(const struct query *query, const char *name, struct field_error *error,
		  int64_t *ret);
/* A point in time as utc_read() takes it, or how long before now_ms, in unix milliseconds. */
int query_get_time(const struct query *query, const char *name, uint64_t now_ms,
		   struct field_error *error, uint64_t *ret);
/* 1, true or empty: true; 0 or false: false. */
int query_get_bool(const struct query *query, const char *name, struct field_error *error,
		   bool *ret);
