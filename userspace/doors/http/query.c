/* Reads the query part of a request target strictly. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/number.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "doors/http/query.h"

#define NS_PER_MS 1000000ULL

static int parse_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes one name or value in place and terminates it: what it becomes is never longer. */
static const char *decode_piece(char *text, size_t len, size_t *ret_len)
{
	size_t out = 0;

	for (size_t in = 0; in < len; in++) {
		unsigned char c = (unsigned char)text[in];

		if (c == '%') {
			int high = in + 2 < len ? parse_hex(text[in + 1]) : -1;
			int low = high >= 0 ? parse_hex(text[in + 2]) : -1;

			if (low < 0)
				return "has a broken percent escape";
			c = (unsigned char)(high << 4 | low);
			if (c == '\0')
				return "must not contain NUL";
			in += 2;
		} else if (c == '+') {
			c = ' ';
		} else if (c < 0x20 || c == 0x7f || c == '#') {
			return "has a character that must be percent-encoded";
		}
		text[out++] = (char)c;
	}
	text[out] = '\0';
	*ret_len = out;
	return utf8_valid(text, out) ? NULL : "must be UTF-8";
}

static int add_param(char *text, size_t len, struct field_error *error, struct query *query)
{
	char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	char *value = equals ? equals + 1 : text + len;
	struct query_param param = {.name = text};
	size_t value_len = len - (size_t)(value - text);
	const char *wrong = decode_piece(text, name_len, &name_len);

	if (wrong || name_len == 0) {
		field_error_set(error, "", "a query parameter's name %s",
				wrong ? wrong : "must not be empty");
		return QUERY_E_INVALID;
	}
	/* Without `=` the value is the terminator that the name just got. */
	if (equals) {
		wrong = decode_piece(value, value_len, &param.value_len);
		param.value = value;
	} else {
		param.value = "";
	}
	if (!wrong && query_get(query, param.name))
		wrong = "is given twice";
	if (!wrong && query->n == QUERY_PARAMS_MAX)
		wrong = "is one parameter too many";
	if (wrong) {
		field_error_set(error, param.name, "%s", wrong);
		return QUERY_E_INVALID;
	}
	query->params[query->n++] = param;
	return 0;
}

int query_parse(char *text, size_t len, struct field_error *error, struct query *ret)
{
	char *end = text + len;

	ret->n = 0;
	while (text < end) {
		char *ampersand = memchr(text, '&', (size_t)(end - text));
		char *stop = ampersand ? ampersand : end;
		int err;

		if (stop > text) {
			err = add_param(text, (size_t)(stop - text), error, ret);
			if (err)
				return err;
		}
		text = stop + 1;
	}
	return 0;
}

const struct query_param *query_get(const struct query *query, const char *name)
{
	for (size_t i = 0; i < query->n; i++)
		if (strcmp(query->params[i].name, name) == 0)
			return &query->params[i];
	return NULL;
}

int query_allow(const struct query *query, const char *const *names, size_t n,
		struct field_error *error)
{
	for (size_t i = 0; i < query->n; i++) {
		size_t k = 0;

		while (k < n && strcmp(query->params[i].name, names[k]) != 0)
			k++;
		if (k == n) {
			field_error_set(error, query->params[i].name,
					"is not a parameter of this request");
			return QUERY_E_INVALID;
		}
	}
	return 0;
}

int query_get_s64(const struct query *query, const char *name, struct field_error *error,
		  int64_t *ret)
{
	const struct query_param *param = query_get(query, name);

	if (!param)
		return 0;
	if (number_parse_s64(param->value, param->value_len, ret) == 0)
		return 0;
	field_error_set(error, name, "must be a whole number of 64 bits");
	return QUERY_E_INVALID;
}

int query_get_bool(const struct query *query, const char *name, struct field_error *error,
		   bool *ret)
{
	const struct query_param *param = query_get(query, name);

	if (!param)
		return 0;
	if (strcmp(param->value, "1") == 0 || strcmp(param->value, "true") == 0 ||
	    param->value_len == 0) {
		*ret = true;
		return 0;
	}
	if (strcmp(param->value, "0") == 0 || strcmp(param->value, "false") == 0) {
		*ret = false;
		return 0;
	}
	field_error_set(error, name, "must be 1 or 0");
	return QUERY_E_INVALID;
}

int query_get_time(const struct query *query, const char *name, uint64_t now_ms,
		   struct field_error *error, uint64_t *ret)
{
	const struct query_param *param = query_get(query, name);
	uint64_t ago_ns;

	if (!param || utc_read(param->value, param->value_len, ret) == 0)
		return 0;
	if (duration_parse_ns(param->value, param->value_len, &ago_ns) == 0) {
		*ret = now_ms > ago_ns / NS_PER_MS ? now_ms - ago_ns / NS_PER_MS : 0;
		return 0;
	}
	field_error_set(error, name,
			"must be a time in UTC such as 2026-01-31T12:00:00Z, a day, or how long "
			"ago, such as 24h");
	return QUERY_E_INVALID;
}
