/* What a backup says of itself, inside as its manifest and outside for whoever made it. */
/* SPDX-License-Identifier: MIT */
#include "backup/backup.h"
#include "base/utc.h"
#include "json/writer.h"

bool backup_complete(const struct backup_result *result)
{
	for (size_t i = 0; i < result->n_parts; i++)
		if (result->parts[i].state == BACKUP_FAULTY)
			return false;
	return true;
}

static void put_text(struct json_writer *writer, const char *name, const char *text)
{
	json_name(writer, name);
	json_put_str(writer, text);
}

static void put_number(struct json_writer *writer, const char *name, uint64_t number)
{
	json_name(writer, name);
	json_put_u64(writer, number);
}

static void put_parts(const struct backup_result *result, struct json_writer *writer)
{
	json_name(writer, "parts");
	json_begin_array(writer);
	for (size_t i = 0; i < result->n_parts; i++) {
		const struct backup_part *part = &result->parts[i];

		if (part->state != BACKUP_IN)
			continue;
		json_begin_object(writer);
		put_text(writer, "name", part->name);
		put_number(writer, "bytes", part->bytes);
		if (part->schema)
			put_number(writer, "schema", part->schema);
		json_end_object(writer);
	}
	json_end_array(writer);
}

static void put_left_out(const struct backup_result *result, struct json_writer *writer)
{
	json_name(writer, "left_out");
	json_begin_array(writer);
	for (size_t i = 0; i < result->n_parts; i++) {
		const struct backup_part *part = &result->parts[i];

		if (part->state != BACKUP_LEFT_OUT && part->state != BACKUP_FAULTY)
			continue;
		json_begin_object(writer);
		put_text(writer, "name", part->name);
		put_text(writer, "why", part->why);
		json_end_object(writer);
	}
	json_end_array(writer);
}

void backup_describe(const struct backup_result *result, const char *version, const char *file,
		     struct buf *json)
{
	char made_at[UTC_TEXT_SIZE];
	struct json_writer writer;

	utc_format(result->made_ms, made_at);
	json_writer_init(&writer, json);
	json_begin_object(&writer);
	if (file) {
		put_text(&writer, "file", file);
		put_number(&writer, "bytes", result->bytes);
	}
	put_text(&writer, "sluice", version);
	put_text(&writer, "made_at", made_at);
	json_name(&writer, "complete");
	json_put_bool(&writer, backup_complete(result));
	put_parts(result, &writer);
	put_left_out(result, &writer);
	json_end_object(&writer);
	buf_put_char(json, '\n');
}
