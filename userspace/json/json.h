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

/*
 * Any value may be the root. Returns 0, JSON_E_SYNTAX (also for duplicate members, over-deep
 * nesting, an integer beyond int64_t, trailing text, text that is not UTF-8, a NUL in a string) or
 * -ENOMEM. The error is about the whole body (field ""), its message a sentence of its own.
 */
int json_parse(const char *text, size_t len, struct field_error *error, struct json_document **ret);
void json_document_free(struct json_document *document);
static inline void json_document_freep(struct json_document **document)
{
	json_document_free(*document);
}
#define _cleanup_json_ _cleanup_(json_document_freep)

const struct json *json_root(const struct json_document *document);
enum json_type json_type_of(const struct json *value);
const char *json_type_name(enum json_type type); /* "a string", "an integer", ... */

/* Values of the right type only; ret_len may be NULL. Strings are UTF-8 without NUL. */
bool json_bool(const struct json *value);
int64_t json_read_integer(const struct json *value);
const char *json_read_string(const struct json *value, size_t *ret_len);
double json_read_real(const struct json *value); /* of an integer, too */

/* Inline: jansson exports these two names, and a call of its own would land in ours. */
static inline int64_t json_integer(const struct json *value)
{
	return json_read_integer(value);
}

static inline const char *json_string(const struct json *value, size_t *ret_len)
{
	return json_read_string(value, ret_len);
}

size_t json_array_len(const struct json *value);
const struct json *json_array_at(const struct json *value, size_t index);

/* NULL if absent, or if the value is no object. */
const struct json *json_member(const struct json *object, const char *name);
/* Calls visit for each member in document order until it returns non-zero; returns that, or 0. */
int json_each(const struct json *object,
	      int (*visit)(const char *name, const struct json *value, void *data), void *data);
