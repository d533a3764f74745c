/* Writes JSON text straight into a buffer, commas and escapes included. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

/* No checks of form beyond the comma: begin and end must pair. Errors stick in the buf. */
struct json_writer {
	struct buf *buf;
	bool comma; /* the next value or member needs one */
};

void json_writer_init(struct json_writer *writer, struct buf *buf);

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);

/* For the functions below: room for `len` bytes after the comma that may be due. */
static inline char *json_begin_value(struct json_writer *writer, size_t len)
{
	char *at = buf_reserve(writer->buf, len + writer->comma);

	if (!at)
		return NULL;
	if (writer->comma) {
		*at++ = ',';
		buf_advance(writer->buf, 1);
	}
	writer->comma = true;
	return at;
}

/* name must need no escape. Inline: a literal's length and copying are compiled in. */
static inline void json_name(struct json_writer *writer, const char *name)
{
	size_t len = strlen(name);
	char *at = json_begin_value(writer, len + 3);

	if (!at)
		return;
	*at++ = '"';
	at = mempcpy(at, name, len);
	at[0] = '"';
	at[1] = ':';
	buf_advance(writer->buf, len + 3);
	writer->comma = false;
}

void json_put_null(struct json_writer *writer);
void json_put_bool(struct json_writer *writer, bool value);
void json_put_u64(struct json_writer *writer, uint64_t value);
void json_put_s64(struct json_writer *writer, int64_t value);
/* Rounded to thousandths; 0 to 10^15, beyond which it is cut. */
void json_put_decimal(struct json_writer *writer, double value);
/* text must be UTF-8; control characters, quotes and backslashes are escaped. */
void json_put_string(struct json_writer *writer, const char *text, size_t len);
void json_put_str(struct json_writer *writer, const char *text);
