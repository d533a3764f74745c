/* Any bytes as JSON: what the reader accepts, the writer writes and the reader reads the same. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "json/copy.h"
#include "json/json.h"
#include "json/writer.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_value(const struct json *value, int depth);

static int check_member(const char *name, const struct json *value, void *depth)
{
	check(utf8_valid(name, strlen(name)));
	check_value(value, *(const int *)depth);
	return 0;
}

static void check_string(const struct json *value)
{
	size_t len;
	const char *text = json_string(value, &len);

	check(strlen(text) == len);
	check(utf8_valid(text, len));
}

static void check_value(const struct json *value, int depth)
{
	enum json_type type = json_type_of(value);
	int below = depth + 1;

	check(depth <= JSON_DEPTH_MAX);
	if (type == JSON_STRING)
		check_string(value);
	if (type == JSON_OBJECT)
		json_each(value, check_member, &below);
	if (type == JSON_ARRAY)
		for (size_t i = 0; i < json_array_len(value); i++)
			check_value(json_array_at(value, i), below);
}

/* Writes it, and reads it again from there. */
static struct json_document *rewrite(const struct json_document *document, struct buf *buf)
{
	struct json_document *again = NULL;
	struct field_error error = {0};
	struct json_writer writer;

	buf_init(buf);
	json_writer_init(&writer, buf);
	json_put_copy(&writer, json_root(document));
	check(!buf->failed);
	check(json_parse(buf->data, buf->len, &error, &again) == 0);
	return again;
}

static void check_error(const struct field_error *error)
{
	check(error->field[0] == '\0');
	check(strncmp(error->message, "body ", 5) == 0);
	check(utf8_valid(error->message, strlen(error->message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_document *document = NULL, *once = NULL, *twice = NULL;
	_cleanup_buf_ struct buf first = {0}, second = {0};
	struct field_error error = {0};

	if (json_parse((const char *)data, size, &error, &document) != 0) {
		check_error(&error);
		return 0;
	}
	check_value(json_root(document), 0);
	once = rewrite(document, &first);
	twice = rewrite(once, &second);
	check(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	return 0;
}
