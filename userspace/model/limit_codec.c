/* Writes a limit for the store and for people, and loads what the store kept. */
/* SPDX-License-Identifier: MIT */
#include "model/limit_priv.h"

bool limit_field_stands(const struct limit_field *field, const struct limit *limit,
			unsigned int unwanted)
{
	unwanted |= limit->scope == LIMIT_SCOPE_PACKET ? FIELD_REQUESTS : FIELD_PACKETS;
	unwanted |= limit->confirm_by_ms ? 0 : FIELD_PROVISIONAL;
	return field->write && !(field->flags & unwanted);
}

static void write_fields(const struct limit *limit, unsigned int unwanted,
			 struct json_writer *writer)
{
	for (size_t i = 0; i < limit_field_count; i++) {
		const struct limit_field *field = &limit_fields[i];

		if (!limit_field_stands(field, limit, unwanted))
			continue;
		json_name(writer, field->name);
		field->write(field, limit, writer);
	}
}

void limit_save(const struct limit *limit, struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	write_fields(limit, limit->burst_given ? 0 : FIELD_DERIVED, &writer);
	json_end_object(&writer);
}

static void write_stats(const struct limit *limit, const struct limit_stats *stats,
			struct json_writer *writer)
{
	json_name(writer, "stats");
	json_begin_object(writer);
	json_name(writer, "allowed");
	json_put_u64(writer, stats->allowed);
	json_name(writer, "denied");
	json_put_u64(writer, stats->denied);
	if (limit->scope == LIMIT_SCOPE_PACKET) {
		json_name(writer, "allowed_bytes");
		json_put_u64(writer, stats->allowed_bytes);
		json_name(writer, "denied_bytes");
		json_put_u64(writer, stats->denied_bytes);
	}
	json_end_object(writer);
}

/* 0 to 1 in thousandths, as JSON writes them. */
static void write_share(double share, struct json_writer *writer)
{
	unsigned int thousandths = share > 0 ? share < 1 ? (unsigned int)(share * 1000) : 1000 : 0;

	if (!json_begin_value(writer, sizeof("0.000")))
		return;
	buf_printf(writer->buf, "%u.%03u", thousandths / 1000, thousandths % 1000);
}

static void write_capacity(const struct limit_capacity *capacity, struct json_writer *writer)
{
	json_name(writer, "capacity");
	json_begin_object(writer);
	json_name(writer, "keys");
	json_put_u64(writer, capacity->keys);
	json_name(writer, "spoofed_pps");
	if (capacity->spoofed_pps == LIMIT_NEVER_FULL)
		json_put_null(writer);
	else
		json_put_u64(writer, capacity->spoofed_pps);
	json_name(writer, "full");
	write_share(capacity->full, writer);
	json_end_object(writer);
}

void limit_write(const struct limit *limit, const struct limit_stats *stats,
		 const struct limit_capacity *capacity, struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	write_fields(limit, FIELD_RECORD, &writer);
	if (stats)
		write_stats(limit, stats, &writer);
	if (capacity)
		write_capacity(capacity, &writer);
	json_end_object(&writer);
}

void limit_write_brief(const struct limit *limit, struct json_writer *writer)
{
	static const char *const names[] = {"id",  "name", "scope", "key",      "match",
					    "per", "unit", "limit", "interval", "mode"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct limit_field *field = limit_field_find(names[i]);

		if (!limit_field_stands(field, limit, 0))
			continue;
		json_name(writer, field->name);
		field->write(field, limit, writer);
	}
}

/* Before all else: a newer record may hold fields that this version does not know. */
static int check_schema(const struct json *object, struct field_error *error)
{
	const struct limit_field *field = limit_field_find("schema");
	const struct json *value = json_member(object, field->name);

	if (!value || json_type_of(value) != JSON_INTEGER)
		return 0;
	return field->parse(field, value, error, NULL);
}

int limit_load(const char *text, size_t len, struct field_error *error, struct limit *ret)
{
	_cleanup_json_ struct json_document *document = NULL;
	int r;

	if (len > LIMIT_RECORD_MAX)
		return limit_refuse(error, "", "record is larger than %d bytes", LIMIT_RECORD_MAX);
	r = json_parse(text, len, error, &document);
	if (r < 0)
		return r;
	if (r > 0)
		return MODEL_E_INVALID;
	r = check_schema(json_root(document), error);
	if (r != 0)
		return r;
	return limit_parse_record(json_root(document), error, ret);
}
