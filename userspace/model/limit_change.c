/* Writes what changed from one form of a limit to another. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "model/limit_priv.h"

static bool has_name(const struct limit_field *field, const char *name)
{
	return strcmp(field->name, name) == 0;
}

/* Null where the limit has no such field. */
static void write_value(const struct limit_field *field, const struct limit *limit,
			struct json_writer *writer)
{
	if (limit_field_stands(field, limit, FIELD_RECORD))
		field->write(field, limit, writer);
	else
		json_put_null(writer);
}

static void write_whole(const struct limit *limit, struct json_writer *writer)
{
	if (!limit) {
		json_put_null(writer);
		return;
	}
	json_begin_object(writer);
	for (size_t i = 0; i < limit_field_count; i++) {
		const struct limit_field *field = &limit_fields[i];

		/* The revision of what is under way is not known yet. */
		if (has_name(field, "revision") || !limit_field_stands(field, limit, FIELD_RECORD))
			continue;
		json_name(writer, field->name);
		field->write(field, limit, writer);
	}
	json_end_object(writer);
}

/* By what would be written: two forms that read the same are no change. */
static bool field_differs(const struct limit_field *field, const struct limit *a,
			  const struct limit *b)
{
	_cleanup_buf_ struct buf text_a, text_b;
	struct json_writer writer;

	buf_init(&text_a);
	buf_init(&text_b);
	json_writer_init(&writer, &text_a);
	write_value(field, a, &writer);
	json_writer_init(&writer, &text_b);
	write_value(field, b, &writer);
	/* Out of memory: shown rather than left out. */
	return text_a.failed || text_b.failed || text_a.len != text_b.len ||
	       memcmp(text_a.data, text_b.data, text_a.len) != 0;
}

/* Of `shown`, where it differs from `other`. */
static void write_differing(const struct limit *shown, const struct limit *other,
			    struct json_writer *writer)
{
	json_begin_object(writer);
	for (size_t i = 0; i < limit_field_count; i++) {
		const struct limit_field *field = &limit_fields[i];

		if (has_name(field, "revision") || has_name(field, "updated_at") ||
		    !field_differs(field, shown, other))
			continue;
		json_name(writer, field->name);
		write_value(field, shown, writer);
	}
	json_end_object(writer);
}

void limit_write_change(const struct limit *before, const struct limit *after,
			struct json_writer *writer)
{
	json_begin_object(writer);
	json_name(writer, "before");
	if (before && after)
		write_differing(before, after, writer);
	else
		write_whole(before, writer);
	json_name(writer, "after");
	if (before && after)
		write_differing(after, before, writer);
	else
		write_whole(after, writer);
	json_end_object(writer);
}
