/* Reads JSON with jansson, after checks that jansson does not make or makes differently. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <pthread.h>

#include "json/jansson_priv.h"
#include "json/json.h"

/* struct json and struct json_document are jansson's json_t under names of ours. */
static const json_t *json_of(const struct json *value)
{
	return (const json_t *)value;
}

static const struct json *value_of(const json_t *value)
{
	return (const struct json *)value;
}

/*
 * jansson 2.14 reports an allocation that failed inside a string as a syntax error, or not at all:
 * so failures are noted where they happen, by a shell around the allocator that was set before.
 */
static pthread_once_t allocator_once = PTHREAD_ONCE_INIT;
static json_malloc_t allocator_below;
static _Thread_local bool allocation_failed;

static void *allocate_noting(size_t size)
{
	void *memory = allocator_below(size);

	allocation_failed |= !memory;
	return memory;
}

static void watch_allocator(void)
{
	json_free_t release;

	json_get_alloc_funcs(&allocator_below, &release);
	json_set_alloc_funcs(allocate_noting, release);
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
			return false;
	return true;
}

/*
 * Where nesting first passes JSON_DEPTH_MAX, or len. jansson recurses up to 2,048 levels and has
 * no option for fewer, so the text is scanned first; brackets in strings do not count.
 */
static size_t find_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (in_string)
			i += text[i] == '\\';
		else if (text[i] == '[' || text[i] == '{')
			depth++;
		else if (text[i] == ']' || text[i] == '}')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return i;
	}
	return len;
}

static void report_too_deep(const char *text, size_t at, struct field_error *error)
{
	int line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else {
			column += ((unsigned char)text[i] & 0xC0) != 0x80;
		}
	}
	field_error_set(error, "", "body nests deeper than %d levels at line %d, column %d",
			JSON_DEPTH_MAX, line, column);
}

static const char *describe(enum json_error_code code)
{
	switch (code) {
	case json_error_invalid_utf8:
		return "body is not UTF-8";
	case json_error_premature_end_of_input:
		return "body is not JSON: it ends too early";
	case json_error_end_of_input_expected:
		return "body has more text after its JSON value";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "body has a NUL character in a string";
	case json_error_duplicate_key:
		return "body has an object with the same member twice";
	case json_error_numeric_overflow:
		return "body has a number that does not fit 64 bits";
	default:
		return "body is not JSON";
	}
}

int json_parse(const char *text, size_t len, struct field_error *error, struct json_document **ret)
{
	json_error_t fault;
	json_t *root;
	size_t deep;

	if (is_blank(text, len)) {
		field_error_set(error, "", "body is empty");
		return JSON_E_SYNTAX;
	}
	deep = find_too_deep(text, len);
	if (deep < len) {
		report_too_deep(text, deep, error);
		return JSON_E_SYNTAX;
	}
	pthread_once(&allocator_once, watch_allocator);
	allocation_failed = false;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
	if (!root && allocation_failed)
		return -ENOMEM;
	if (!root) {
		field_error_set(error, "", "%s (line %d, column %d)",
				describe(json_error_code(&fault)), fault.line, fault.column);
		return JSON_E_SYNTAX;
	}
	*ret = (struct json_document *)root;
	return 0;
}

void json_document_free(struct json_document *document)
{
	json_decref((json_t *)document);
}

const struct json *json_root(const struct json_document *document)
{
	return value_of((const json_t *)document);
}

enum json_type json_type_of(const struct json *value)
{
	switch (json_typeof(json_of(value))) {
	case JANSSON_OBJECT:
		return JSON_OBJECT;
	case JANSSON_ARRAY:
		return JSON_ARRAY;
	case JANSSON_STRING:
		return JSON_STRING;
	case JANSSON_INTEGER:
		return JSON_INTEGER;
	case JANSSON_REAL:
		return JSON_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_BOOL;
	case JANSSON_NULL:
		break;
	}
	return JSON_NULL;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",          [JSON_BOOL] = "true or false",
		[JSON_INTEGER] = "an integer", [JSON_REAL] = "a number with a fraction or exponent",
		[JSON_STRING] = "a string",    [JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};

	return names[type];
}

bool json_bool(const struct json *value)
{
	assert(json_type_of(value) == JSON_BOOL);
	return json_is_true(json_of(value));
}

int64_t json_read_integer(const struct json *value)
{
	assert(json_type_of(value) == JSON_INTEGER);
	return json_integer_value(json_of(value));
}

double json_read_real(const struct json *value)
{
	assert(json_type_of(value) == JSON_REAL || json_type_of(value) == JSON_INTEGER);
	return json_number_value(json_of(value));
}

const char *json_read_string(const struct json *value, size_t *ret_len)
{
	assert(json_type_of(value) == JSON_STRING);
	if (ret_len)
		*ret_len = json_string_length(json_of(value));
	return json_string_value(json_of(value));
}

size_t json_array_len(const struct json *value)
{
	return json_array_size(json_of(value));
}

const struct json *json_array_at(const struct json *value, size_t index)
{
	return value_of(json_array_get(json_of(value), index));
}

const struct json *json_member(const struct json *object, const char *name)
{
	return value_of(json_object_get(json_of(object), name));
}

int json_each(const struct json *object,
	      int (*visit)(const char *name, const struct json *value, void *data), void *data)
{
	/* jansson iterates in the order of insertion; its iterators only lack the const. */
	json_t *members = (json_t *)(uintptr_t)object;
	void *at = json_object_iter(members);
	int r = 0;

	for (; at && r == 0; at = json_object_iter_next(members, at))
		r = visit(json_object_iter_key(at), value_of(json_object_iter_value(at)), data);
	return r;
}
