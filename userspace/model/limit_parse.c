/* Reads a limit's members by the table: what a user creates, what a user changes, what was kept. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "model/limit_priv.h"
#include "model/packet_priv.h"

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

/* 0: both show the field alike. 1, -ENOMEM. */
static int compare_shown(const struct limit_field *field, const struct limit *a,
			 const struct limit *b)
{
	_cleanup_buf_ struct buf a_text = {0}, b_text = {0};
	struct json_writer a_writer, b_writer;

	json_writer_init(&a_writer, &a_text);
	json_writer_init(&b_writer, &b_text);
	field->write(field, a, &a_writer);
	field->write(field, b, &b_writer);
	if (a_text.failed || b_text.failed)
		return -ENOMEM;
	return a_text.len != b_text.len || memcmp(a_text.data, b_text.data, a_text.len) != 0;
}

/* A fixed field may be sent back in any form that means what the limit has. */
static int check_unchanged(const struct limit_field *field, const struct json *value,
			   const struct reading *reading)
{
	_cleanup_limit_ struct limit sent;
	int r;

	limit_init(&sent);
	r = limit_copy(reading->base, &sent);
	if (r == 0)
		r = field->parse(field, value, NULL, &sent);
	if (r == 0)
		r = compare_shown(field, &sent, reading->base);
	if (r > 0)
		return limit_refuse(reading->error, field->name,
				    "cannot change: make a new limit instead");
	return r;
}

static bool is_known(const struct limit_field *field, enum source source)
{
	if (!field)
		return false;
	if (source == SOURCE_RECORD)
		return !(field->flags & (FIELD_SHOWN | FIELD_INITIAL));
	return !(field->flags & FIELD_RECORD);
}

/* Fields of the other scope, which this limit does not have. */
static unsigned int foreign_flag(const struct limit *limit)
{
	return limit->scope == LIMIT_SCOPE_PACKET ? FIELD_REQUESTS : FIELD_PACKETS;
}

static int check_place(const struct limit_field *field, const struct reading *reading)
{
	if (field->flags & foreign_flag(reading->limit) & FIELD_REQUESTS)
		return limit_refuse(reading->error, field->name,
				    "belongs to limits of requests: packets are chosen by "
				    "\"match\" and counted by \"per\"");
	if (field->flags & foreign_flag(reading->limit))
		return limit_refuse(reading->error, field->name, "belongs to limits of packets%s",
				    reading->source == SOURCE_CREATE ?
					    ": add \"scope\":\"packet\"" :
					    ", this is one of requests");
	if (field->flags & FIELD_READ_ONLY && reading->source == SOURCE_CREATE)
		return limit_refuse(reading->error, field->name,
				    "is read-only: the service sets it, leave it out");
	if (field->flags & FIELD_INITIAL && reading->source == SOURCE_UPDATE)
		return limit_refuse(reading->error, field->name,
				    "can be given only when a limit is made");
	return 0;
}

static int read_value(const struct limit_field *field, const struct json *value,
		      struct reading *reading)
{
	int r;

	if (field->flags & FIELD_LISTED && json_type_of(value) == JSON_ARRAY) {
		if (json_array_len(value) != 1)
			return limit_refuse(reading->error, field->name,
					    "must hold exactly one value, not %zu",
					    json_array_len(value));
		value = json_array_at(value, 0);
	}
	r = check_type(field, value, reading->error);
	if (r != 0)
		return r;
	if (field->flags & FIELD_FIXED && reading->source == SOURCE_UPDATE)
		return check_unchanged(field, value, reading);
	return field->parse(field, value, reading->error, reading->limit);
}

static int read_member(const char *name, const struct json *value, void *data)
{
	const struct limit_field *field = limit_field_find(name);
	struct reading *reading = data;
	int r;

	if (!is_known(field, reading->source))
		return refuse_unknown(reading, name);
	if (reading->seen >> (field - limit_fields) & 1)
		return 0;
	reading->seen |= 1U << (field - limit_fields);
	r = check_place(field, reading);
	if (r != 0)
		return r;
	if (field->flags & FIELD_READ_ONLY && !(field->flags & FIELD_FIXED) &&
	    reading->source == SOURCE_UPDATE)
		return 0;
	return read_value(field, value, reading);
}

/* Those that others depend on come first, whatever their order in the text. */
static int read_members(struct reading *reading, const struct json *object)
{
	int r = 0;

	for (size_t i = 0; i < limit_field_count && r == 0; i++) {
		const char *name = limit_fields[i].name;
		const struct json *value = json_member(object, name);

		if (limit_fields[i].flags & FIELD_FIRST && value)
			r = read_member(name, value, reading);
	}
	return r == 0 ? json_each(object, read_member, reading) : r;
}

static bool is_needed(const struct limit_field *field, const struct reading *reading)
{
	const unsigned int unkept = FIELD_SHOWN | FIELD_DERIVED | FIELD_INITIAL | FIELD_PROVISIONAL;

	if (field->flags & foreign_flag(reading->limit))
		return false;
	if (reading->source == SOURCE_RECORD)
		return !(field->flags & unkept);
	return field->flags & FIELD_REQUIRED;
}

static int check_missing(const struct reading *reading)
{
	for (size_t i = 0; i < limit_field_count; i++) {
		const struct limit_field *field = &limit_fields[i];

		if (is_needed(field, reading) && !(reading->seen >> i & 1))
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

/* What a limit of packets may be as a whole. */
static int check_packets(const struct limit *limit, struct field_error *error)
{
	if (limit->scope != LIMIT_SCOPE_PACKET)
		return 0;
	if (limit->algorithm != SLUICE_TOKEN_BUCKET) {
		limit_refuse(error, "algorithm", "must be \"token_bucket\": packets know no other");
		return MODEL_E_UNSUPPORTED;
	}
	return packet_per_check(limit->match, error);
}

static int read_limit(struct reading *reading, const struct json *object)
{
	struct sluice_params params;
	int r;

	if (json_type_of(object) != JSON_OBJECT)
		return limit_refuse(reading->error, "", "must be an object, not %s",
				    json_type_name(json_type_of(object)));
	r = read_members(reading, object);
	if (r == 0 && reading->source != SOURCE_UPDATE)
		r = check_missing(reading);
	if (r != 0)
		return r;
	r = check_packets(reading->limit, reading->error);
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
	from->match = NULL;
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
