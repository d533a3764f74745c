/* Reads JSON strictly: bounded depth, no duplicate member, no NUL, numbers kept whole. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/field_error.h"

/* Expected outcome of json_parse: the text is not (our) JSON; *error says why and where. */
#define JSON_E_SYNTAX 1

enum {
	JSON_DEPTH_MAX = 16,
};

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INTEGER, /* fits int64_t; 1.0 and 1e3 are JSON_REAL */
	JSON_REAL,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* A value inside a document; borrowed from it. */
struct json;
/* A parsed document, owns all of its values. */
struct json_document;

/* Returns 0, JSON_E_SYNTAX (also for duplicate members, over-deep nesting, an integer beyond
 * int64_t, trailing text, text that is not UTF-8) or -ENOMEM. */
int json_parse(const char *text, size_t len, struct field_error *error,
	       struct json_document **ret);
void json_document_free(struct json_document *document);
static inline void json_document_freep(struct json_document **document)
{
	json_document_free(*document);
}
#define _cleanup_json_ _cleanup_(json_document_freep)

const struct json *json_root(const struct json_document *document);
enum json_type json_type_of(const struct json *value);
const char *json_type_name(enum json_type type); /* "a string", "an integer", ... */

bool json_bool(const struct json *value);
int64_t json_integer(const struct json *value);
const char *json_string(const struct json *value, size_t *ret_len);

size_t json_array_len(const struct json *value);
const struct json *json_array_at(const struct json *value, size_t index);

/* NULL if absent. */
const struct json *json_member(const struct json *object, const char *name);
/* Calls visit for each member in document order until it returns non-zero; returns that, or 0. */
int json_each(const struct json *object,
	      int (*visit)(const char *name, const struct json *value, void *data), void *data);
