/* Reads a limit's members by the table: what a user creates, what a user changes, what was kept. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "model/limit_priv.h"

enum source {
	SOURCE_CREATE,
	SOURCE_UPDATE,
	SOURCE_RECORD,
};

struct reading {
	enum source source;
	const struct limit *base; /* SOURCE_UPDATE: what is changed */
	struct field_error *error;
	struct limit *limit;
	uint32_t seen; /* one bit per row */
};

static bool was_seen(const struct reading *reading, const char *name)
{
	return reading->seen >> (limit_field_find(name) - limit_fields) & 1;
}

static int refuse_unknown(const struct reading *reading, const char *name)
{
	const char *meant = limit_field_suggest(name);

	if (!name[0])
		return limit_refuse(reading->error, "", "has a member without a name");
	if (meant && reading->source != SOURCE_RECORD)
		return limit_refuse(reading->error, name,
				    "is not a field of a limit; did you mean \"%s\"?", meant);
	return limit_refuse(reading->error, name, "is not a field of a limit");
}

static int check_type(const struct limit_field *field, const struct json *value,
		      struct field_error *error)
{
	enum json_type type = json_type_of(value);

	if (type == field->type || (type == JSON_NULL && field->flags & FIELD_NULLABLE))
		return 0;
	return limit_refuse(error, field->name, "must be %s, not %s", json_type_name(field->type),
			    json_type_name(type));
}

/* All fixed fields are text: sent back unchanged, they read as they were written. */
static int check_unchanged(const struct limit_field *field, const struct json *value,
			   const struct reading *reading)
{
	_cleanup_buf_ struct buf sent = {0}, kept = {0};
	struct json_writer sent_writer, kept_writer;
	size_t len;
	const char *text = json_string(value, &len);

	json_writer_init(&sent_writer, &sent);
	json_put_string(&sent_writer, text, len);
	json_writer_init(&kept_writer, &kept);
	field->write(field, reading->base, &kept_writer);
	if (sent.failed || kept.failed)
		return -ENOMEM;
	if (sent.len != kept.len || memcmp(sent.data, kept.data, sent.len) != 0)
		return limit_refuse(reading->error, field->name,
				    "cannot change: make a new limit instead");
	return 0;
}

static bool is_known(const struct limit_field *field, enum source source)
{
	if (!field)
		return false;
	if (source == SOURCE_RECORD)
		return !(field->flags & (FIELD_SHOWN | FIELD_LATER));
	return !(field->flags & FIELD_RECORD);
}

static int read_member(const char *name, const struct json *value, void *data)
{
	const struct limit_field *field = limit_field_find(name);
	struct reading *reading = data;
	int r;

	if (!is_known(field, reading->source))
		return refuse_unknown(reading, name);
	if (field->flags & FIELD_LATER)
		return limit_refuse(reading->error, name,
				    "belongs to limits of packets, which are not available yet: "
				    "give \"key\"");
	reading->seen |= 1U << (field - limit_fields);
	if (field->flags & FIELD_READ_ONLY && reading->source == SOURCE_CREATE)
		return limit_refuse(reading->error, name,
				    "is read-only: the service sets it, leave it out");
	if (field->flags & FIELD_READ_ONLY && !(field->flags & FIELD_FIXED) &&
	    reading->source == SOURCE_UPDATE)
		return 0;
	r = check_type(field, value, reading->error);
	if (r != 0)
		return r;
	if (field->flags & FIELD_FIXED && reading->source == SOURCE_UPDATE)
		return check_unchanged(field, value, reading);
	return field->parse(field, value, reading->error, reading->limit);
}

static int check_missing(const struct reading *reading)
{
	const unsigned int unkept = FIELD_SHOWN | FIELD_LATER | FIELD_DERIVED;

	for (size_t i = 0; i < limit_field_count; i++) {
		const struct limit_field *field = &limit_fields[i];
		bool needed = reading->source == SOURCE_RECORD ? !(field->flags & unkept) :
								 field->flags & FIELD_REQUIRED;

		if (needed && !(reading->seen >> i & 1))
			return limit_refuse(reading->error, field->name, "is required");
	}
	return 0;
}

/*
 * A burst that the user never wrote follows the limit. Who sends a whole limit back (it has an id)
 * sends the burst that was shown, too: that is no wish. Windows have no burst of their own.
 */
static void settle_burst(const struct reading *reading)
{
	const struct limit *base = reading->base;
	struct limit *limit = reading->limit;

	if (base && !base->burst_given && limit->burst == base->burst && was_seen(reading, "id"))
		limit->burst_given = false;
	if (limit->algorithm != SLUICE_TOKEN_BUCKET && limit->burst == limit->limit)
		limit->burst_given = false;
	if (!limit->burst_given)
		limit->burst = limit->limit;
}

static int read_limit(struct reading *reading, const struct json *object)
{
	struct sluice_params params;
	int r;

	if (json_type_of(object) != JSON_OBJECT)
		return limit_refuse(reading->error, "", "must be an object, not %s",
				    json_type_name(json_type_of(object)));
	r = json_each(object, read_member, reading);
	if (r == 0 && reading->source != SOURCE_UPDATE)
		r = check_missing(reading);
	if (r != 0)
		return r;
	settle_burst(reading);
	/* Whether it fits a word does not depend on the time: what passes here compiles later. */
	return limit_compile(reading->limit, 0, reading->error, &params);
}

static void move_limit(struct limit *from, struct limit *to)
{
	*to = *from;
	from->key = NULL;
}

/* base NULL: none of the fields is set before. */
static int parse_from(enum source source, const struct json *object, const struct limit *base,
		      struct field_error *error, struct limit *ret)
{
	_cleanup_limit_ struct limit limit;
	struct reading reading = {.source = source, .base = base, .error = error, .limit = &limit};
	int r = 0;

	limit_init(&limit);
	if (base)
		r = limit_copy(base, &limit);
	if (r == 0)
		r = read_limit(&reading, object);
	if (r == 0)
		move_limit(&limit, ret);
	return r;
}

int limit_parse(const struct json *object, struct field_error *error, struct limit *ret)
{
	return parse_from(SOURCE_CREATE, object, NULL, error, ret);
}

int limit_parse_update(const struct json *object, const struct limit *base,
		       struct field_error *error, struct limit *ret)
{
	return parse_from(SOURCE_UPDATE, object, base, error, ret);
}

int limit_parse_record(const struct json *object, struct field_error *error, struct limit *ret)
{
	return parse_from(SOURCE_RECORD, object, NULL, error, ret);
}
