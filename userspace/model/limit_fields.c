/* The table of a limit's fields, and how numbers, times and choices are read and written. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utc.h"
#include "model/limit_priv.h"

/* Choices are read and written through one integer type. */
_Static_assert(sizeof(enum limit_scope) == sizeof(unsigned int) &&
		       sizeof(enum engine_mode) == sizeof(unsigned int),
	       "enums are unsigned int");

static void *part_of(const struct limit_field *field, struct limit *limit)
{
	return (char *)limit + field->offset;
}

static const void *const_part_of(const struct limit_field *field, const struct limit *limit)
{
	return (const char *)limit + field->offset;
}

#define NS_PER_MS      1000000ULL
#define CONFIRM_MIN_NS (1000 * NS_PER_MS)
#define CONFIRM_MAX_NS (86400ULL * 1000 * NS_PER_MS)

/* Whole numbers. */

static int parse_count(const struct limit_field *field, const struct json *value,
		       struct field_error *error, struct limit *limit)
{
	int64_t count = json_integer(value);

	if (count < 1)
		return limit_refuse(error, field->name, "must be at least 1");
	*(uint64_t *)part_of(field, limit) = (uint64_t)count;
	return 0;
}

static int parse_burst(const struct limit_field *field, const struct json *value,
		       struct field_error *error, struct limit *limit)
{
	limit->burst_given = json_type_of(value) != JSON_NULL;
	return limit->burst_given ? parse_count(field, value, error, limit) : 0;
}

static int parse_revision(const struct limit_field *field, const struct json *value,
			  struct field_error *error, struct limit *limit)
{
	if (json_integer(value) < 0)
		return limit_refuse(error, field->name, "must not be negative");
	*(uint64_t *)part_of(field, limit) = (uint64_t)json_integer(value);
	return 0;
}

static int parse_schema(const struct limit_field *field, const struct json *value,
			struct field_error *error, struct limit *limit)
{
	(void)limit;
	if (json_integer(value) > LIMIT_SCHEMA)
		return limit_refuse(error, field->name,
				    "is %lld, written by a newer version: this one reads up to %d",
				    (long long)json_integer(value), LIMIT_SCHEMA);
	if (json_integer(value) < 1)
		return limit_refuse(error, field->name, "must be at least 1");
	return 0;
}

static void write_number(const struct limit_field *field, const struct limit *limit,
			 struct json_writer *writer)
{
	json_put_u64(writer, *(const uint64_t *)const_part_of(field, limit));
}

static void write_schema(const struct limit_field *field, const struct limit *limit,
			 struct json_writer *writer)
{
	(void)field;
	(void)limit;
	json_put_u64(writer, LIMIT_SCHEMA);
}

/* Times. */

static int parse_interval(const struct limit_field *field, const struct json *value,
			  struct field_error *error, struct limit *limit)
{
	size_t len;
	const char *text = json_string(value, &len);
	uint64_t ns;
	int r = duration_parse_ns(text, len, &ns);

	if (r == -EINVAL)
		return limit_refuse(error, field->name,
				    "must be a whole number and a unit (ms, s, m, h or d), "
				    "such as \"500ms\" or \"1m\"");
	if (r < 0)
		return limit_refuse(error, field->name, "must be from \"1ms\" to \"365d\"");
	/* Which intervals there are, limit_compile() knows. */
	limit->interval_ns = ns;
	return 0;
}

static int parse_confirm(const struct limit_field *field, const struct json *value,
			 struct field_error *error, struct limit *limit)
{
	size_t len;
	const char *text = json_string(value, &len);
	uint64_t ns;

	if (duration_parse_ns(text, len, &ns) < 0 || ns < CONFIRM_MIN_NS || ns > CONFIRM_MAX_NS)
		return limit_refuse(error, field->name,
				    "must be a duration from \"1s\" to \"1d\", such as \"60s\"");
	limit->confirm_ms = ns / NS_PER_MS;
	return 0;
}

static void write_interval(const struct limit_field *field, const struct limit *limit,
			   struct json_writer *writer)
{
	char text[DURATION_TEXT_SIZE];

	(void)field;
	duration_format(limit->interval_ns, text);
	json_put_str(writer, text);
}

static int parse_time(const struct limit_field *field, const struct json *value,
		      struct field_error *error, struct limit *limit)
{
	size_t len;
	const char *text = json_string(value, &len);

	if (utc_parse(text, len, part_of(field, limit)) < 0)
		return limit_refuse(error, field->name,
				    "must be a time such as \"2026-01-31T12:00:00.000Z\"");
	return 0;
}

static void write_time(const struct limit_field *field, const struct limit *limit,
		       struct json_writer *writer)
{
	char text[UTC_TEXT_SIZE];

	utc_format(*(const uint64_t *)const_part_of(field, limit), text);
	json_put_str(writer, text);
}

/* Choices. */

const char *limit_choice_text(const struct limit_choice *choices, unsigned int value)
{
	while (choices->text && choices->value != value)
		choices++;
	return choices->text;
}

static int refuse_choice(const char *name, const struct limit_choice *choices,
			 struct field_error *error)
{
	char list[FIELD_MESSAGE_SIZE];
	struct buf buf;
	int left = 0;

	for (const struct limit_choice *c = choices; c->text; c++)
		left += !c->refusal;
	buf_init_fixed(&buf, list, sizeof(list));
	for (const struct limit_choice *c = choices; c->text; c++) {
		if (c->refusal)
			continue;
		left--;
		buf_printf(&buf, "\"%s\"%s", c->text, left > 1 ? ", " : left == 1 ? " or " : "");
	}
	return limit_refuse(error, name, "must be %s", list);
}

static int read_choice(const struct json *value, const char *name,
		       const struct limit_choice *choices, struct field_error *error,
		       unsigned int *ret)
{
	const char *text = json_string(value, NULL);
	const struct limit_choice *choice = choices;

	while (choice->text && strcmp(choice->text, text) != 0)
		choice++;
	if (!choice->text)
		return refuse_choice(name, choices, error);
	if (choice->refusal)
		return limit_refuse(error, name, "\"%s\" %s", text, choice->refusal);
	*ret = choice->value;
	return 0;
}

static int parse_choice(const struct limit_field *field, const struct json *value,
			struct field_error *error, struct limit *limit)
{
	return read_choice(value, field->name, field->choices, error, part_of(field, limit));
}

static void write_choice(const struct limit_field *field, const struct limit *limit,
			 struct json_writer *writer)
{
	unsigned int value = *(const unsigned int *)const_part_of(field, limit);

	json_put_str(writer, limit_choice_text(field->choices, value));
}

#define NEEDS_REDIS  "needs Redis, which is not available yet: use \"local\""
#define OF_REQUESTS  "is a unit of limits of requests: use \"packets\" or \"bytes\""
#define OF_PACKETS   "is a unit of limits of packets: add \"scope\":\"packet\""
#define NO_CONNS_YET "is not available yet: use \"packets\" or \"bytes\""

const struct limit_choice limit_scopes[] = {
	{"request", LIMIT_SCOPE_REQUEST, NULL},
	{"packet", LIMIT_SCOPE_PACKET, NULL},
	{0},
};

const struct limit_choice limit_algorithms[] = {
	{"token_bucket", SLUICE_TOKEN_BUCKET, NULL},
	{"fixed_window", SLUICE_FIXED_WINDOW, NULL},
	{"sliding_window", SLUICE_SLIDING_WINDOW, NULL},
	{0},
};

static const struct limit_choice units[] = {
	{"requests", LIMIT_REQUESTS, NULL},
	{"packets", LIMIT_PACKETS, OF_PACKETS},
	{"bytes", LIMIT_BYTES, OF_PACKETS},
	{"connections", LIMIT_CONNECTIONS, "is not available yet: use \"requests\""},
	{0},
};

static const struct limit_choice packet_units[] = {
	{"packets", LIMIT_PACKETS, NULL},
	{"bytes", LIMIT_BYTES, NULL},
	{"requests", LIMIT_REQUESTS, OF_REQUESTS},
	{"connections", LIMIT_CONNECTIONS, NO_CONNS_YET},
	{0},
};

static const struct limit_choice modes[] = {
	{"enforce", ENGINE_ENFORCE, NULL},
	{"shadow", ENGINE_SHADOW, NULL},
	{"off", ENGINE_OFF, NULL},
	{0},
};

static const struct limit_choice strategies[] = {
	{"local", LIMIT_LOCAL, NULL},
	{"shared", LIMIT_SHARED, NEEDS_REDIS},
	{"leased", LIMIT_LEASED, NEEDS_REDIS},
	{"strict", LIMIT_STRICT, NEEDS_REDIS},
	{0},
};

static const struct limit_choice failures[] = {
	{"local_share", LIMIT_LOCAL_SHARE, NULL},
	{"open", LIMIT_OPEN, NULL},
	{"closed", LIMIT_CLOSED, NULL},
	{0},
};

/* What a scope brings with it. */

static int parse_scope(const struct limit_field *field, const struct json *value,
		       struct field_error *error, struct limit *limit)
{
	int r = parse_choice(field, value, error, limit);

	if (r != 0 || limit->scope != LIMIT_SCOPE_PACKET || limit->match)
		return r;
	limit->unit = LIMIT_PACKETS;
	limit->match = malloc(sizeof(*limit->match));
	if (!limit->match)
		return -ENOMEM;
	packet_match_init(limit->match);
	return 0;
}

static int parse_unit(const struct limit_field *field, const struct json *value,
		      struct field_error *error, struct limit *limit)
{
	return read_choice(value, field->name,
			   limit->scope == LIMIT_SCOPE_PACKET ? packet_units : units, error,
			   part_of(field, limit));
}

/* Rows by their flags, the part of struct limit that they fill, and how it is read and written. */
#define TEXT(field, mask, part, reader, writer)                                  \
	.name = #field, .type = JSON_STRING, .flags = (mask), .parse = (reader), \
	.write = (writer), .offset = offsetof(struct limit, part)
#define NUMBER(field, mask, reader)                                               \
	.name = #field, .type = JSON_INTEGER, .flags = (mask), .parse = (reader), \
	.write = write_number, .offset = offsetof(struct limit, field)
#define CHOICE(field, mask, table, reader)                                       \
	.name = #field, .type = JSON_STRING, .flags = (mask), .parse = (reader), \
	.write = write_choice, .choices = (table), .offset = offsetof(struct limit, field)
#define UNREAD(field, json_type, mask) .name = #field, .type = (json_type), .flags = (mask)

const struct limit_field limit_fields[] = {
	{.name = "schema",
	 .type = JSON_INTEGER,
	 .flags = FIELD_RECORD,
	 .parse = parse_schema,
	 .write = write_schema},
	{TEXT(id, FIELD_READ_ONLY | FIELD_FIXED, id, limit_parse_id, limit_write_text)},
	{CHOICE(scope, FIELD_FIXED | FIELD_FIRST, limit_scopes, parse_scope)},
	{TEXT(key, FIELD_REQUIRED | FIELD_FIXED | FIELD_REQUESTS, key, limit_parse_key,
	      limit_write_key)},
	{.name = "match",
	 .type = JSON_OBJECT,
	 .flags = FIELD_FIRST | FIELD_PACKETS,
	 .parse = limit_parse_match,
	 .write = limit_write_match},
	{TEXT(per, FIELD_FIXED | FIELD_NULLABLE | FIELD_LISTED | FIELD_PACKETS, match,
	      limit_parse_per, limit_write_per)},
	{NUMBER(limit, FIELD_REQUIRED, parse_count)},
	{TEXT(interval, FIELD_REQUIRED, interval_ns, parse_interval, write_interval)},
	{NUMBER(burst, FIELD_NULLABLE | FIELD_DERIVED, parse_burst)},
	{CHOICE(algorithm, 0, limit_algorithms, parse_choice)},
	{CHOICE(unit, FIELD_FIXED, units, parse_unit)},
	{CHOICE(mode, 0, modes, parse_choice)},
	{CHOICE(strategy, 0, strategies, parse_choice)},
	{CHOICE(on_failure, 0, failures, parse_choice)},
	{TEXT(name, FIELD_NULLABLE, name, limit_parse_name, limit_write_name)},
	{TEXT(origin, FIELD_READ_ONLY, origin, limit_parse_origin, limit_write_text)},
	{NUMBER(revision, FIELD_READ_ONLY, parse_revision)},
	{TEXT(created_at, FIELD_READ_ONLY, created_at_ms, parse_time, write_time)},
	{TEXT(updated_at, FIELD_READ_ONLY, updated_at_ms, parse_time, write_time)},
	{TEXT(confirm, FIELD_INITIAL, confirm_ms, parse_confirm, NULL)},
	{TEXT(confirm_by, FIELD_READ_ONLY | FIELD_PROVISIONAL, confirm_by_ms, parse_time,
	      write_time)},
	{UNREAD(stats, JSON_OBJECT, FIELD_READ_ONLY | FIELD_SHOWN)},
	{UNREAD(capacity, JSON_OBJECT, FIELD_READ_ONLY | FIELD_SHOWN)},
};

const size_t limit_field_count = sizeof(limit_fields) / sizeof(limit_fields[0]);
