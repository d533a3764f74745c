/* Any bytes as JSON: what the reader accepts, the writer writes and the reader reads the same. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "json/json.h"
#include "json/writer.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void write_value(struct json_writer *writer, const struct json *value, int depth);

struct walk {
	struct json_writer *writer;
	int depth;
};

static int write_member(const char *name, const struct json *value, void *data)
{
	struct walk *walk = data;

	/* json_name() is for names of ours: a stranger's goes as a string, in an array of pairs. */
	check(utf8_valid(name, strlen(name)));
	json_put_str(walk->writer, name);
	write_value(walk->writer, value, walk->depth);
	return 0;
}

static void write_string(struct json_writer *writer, const struct json *value)
{
	size_t len;
	const char *text = json_string(value, &len);

	check(strlen(text) == len);
	check(utf8_valid(text, len));
	json_put_string(writer, text, len);
}

static void write_value(struct json_writer *writer, const struct json *value, int depth)
{
	struct walk walk = {writer, depth + 1};

	check(depth <= JSON_DEPTH_MAX);
	switch (json_type_of(value)) {
	case JSON_NULL:
	case JSON_REAL:
		json_put_null(writer);
		break;
	case JSON_BOOL:
		json_put_bool(writer, json_bool(value));
		break;
	case JSON_INTEGER:
		json_put_s64(writer, json_integer(value));
		break;
	case JSON_STRING:
		write_string(writer, value);
		break;
	case JSON_ARRAY:
		json_begin_array(writer);
		for (size_t i = 0; i < json_array_len(value); i++)
			write_value(writer, json_array_at(value, i), depth + 1);
		json_end_array(writer);
		break;
	case JSON_OBJECT:
		json_begin_array(writer);
		json_each(value, write_member, &walk);
		json_end_array(writer);
		break;
	}
}

static void rewrite(const struct json_document *document, struct buf *buf)
{
	struct json_writer writer;

	buf_init(buf);
	json_writer_init(&writer, buf);
	write_value(&writer, json_root(document), 0);
	check(!buf->failed);
}

static void check_error(const struct field_error *error)
{
	check(error->field[0] == '\0');
	check(strncmp(error->message, "body ", 5) == 0);
	check(utf8_valid(error->message, strlen(error->message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_document *document = NULL, *again = NULL;
	_cleanup_buf_ struct buf first = {0}, second = {0};
	struct field_error error = {0};

	if (json_parse((const char *)data, size, &error, &document) != 0) {
		check_error(&error);
		return 0;
	}
	rewrite(document, &first);
	check(json_parse(first.data, first.len, &error, &again) == 0);
	rewrite(again, &second);
	check(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	return 0;
}
