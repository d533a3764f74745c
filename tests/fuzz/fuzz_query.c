/* Fuzzes the query parser and If-Match: no fault, and what is taken keeps its promises. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "doors/http/etag.h"
#include "doors/http/query.h"

static void check_param(const struct query *query, const struct query_param *param)
{
	if (!*param->name || strlen(param->value) != param->value_len)
		abort();
	if (!utf8_valid(param->value, param->value_len) ||
	    !utf8_valid(param->name, strlen(param->name)))
		abort();
	/* The first of its name: duplicates were refused. */
	if (query_get(query, param->name) != param)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exact size, so that the sanitizer sees a byte too far. */
	char *text = malloc(size + 1);
	struct field_error error;
	struct query query;
	uint64_t revision;
	int64_t number;
	bool flag;

	if (size) {
		memcpy(text, data, size);
		(void)etag_match(text, size, 42, &revision);
	}
	if (query_parse(text, size, &error, &query) == 0) {
		for (size_t i = 0; i < query.n; i++)
			check_param(&query, &query.params[i]);
		(void)query_get_s64(&query, "cost", &error, &number);
		(void)query_get_bool(&query, "peek", &error, &flag);
	} else if (!utf8_valid(error.field, strlen(error.field))) {
		abort();
	}
	free(text);
	return 0;
}
