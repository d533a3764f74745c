/* Writes a parsed value as it was read. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/copy.h"

static void put_real(struct json_writer *writer, double value)
{
	char text[40];
	int len = 0;
	char *at;

	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	/* Without a point or an exponent it would be read as an integer. */
	if (text[strcspn(text, ".e")] == '\0')
		len = (int)(stpcpy(text + len, ".0") - text);
	at = json_begin_value(writer, (size_t)len);
	if (!at)
		return;
	memcpy(at, text, (size_t)len);
	buf_advance(writer->buf, (size_t)len);
}

/* Unlike json_name(), of any name. */
static int put_member(const char *name, const struct json *value, void *data)
{
	struct json_writer *writer = data;

	json_put_str(writer, name);
	buf_put_char(writer->buf, ':');
	writer->comma = false;
	json_put_copy(writer, value);
	return 0;
}

static void put_array(struct json_writer *writer, const struct json *array)
{
	json_begin_array(writer);
	for (size_t i = 0; i < json_array_len(array); i++)
		json_put_copy(writer, json_array_at(array, i));
	json_end_array(writer);
}

static void put_object(struct json_writer *writer, const struct json *object)
{
	json_begin_object(writer);
	json_each(object, put_member, writer);
	json_end_object(writer);
}

void json_put_copy(struct json_writer *writer, const struct json *value)
{
	const char *text;
	size_t len;

	switch (json_type_of(value)) {
	case JSON_NULL:
		json_put_null(writer);
		break;
	case JSON_BOOL:
		json_put_bool(writer, json_bool(value));
		break;
	case JSON_INTEGER:
		json_put_s64(writer, json_integer(value));
		break;
	case JSON_REAL:
		put_real(writer, json_read_real(value));
		break;
	case JSON_STRING:
		text = json_string(value, &len);
		json_put_string(writer, text, len);
		break;
	case JSON_ARRAY:
		put_array(writer, value);
		break;
	case JSON_OBJECT:
		put_object(writer, value);
		break;
	}
}
