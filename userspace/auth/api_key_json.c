/* API keys as people send and see them: one table of members. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "auth/api_key_priv.h"
#include "auth/auth.h"
#include "base/number.h"
#include "base/utc.h"
#include "base/utf8.h"

#define NS_PER_MS      1000000ULL
#define EXPIRES_MIN_NS (1000 * NS_PER_MS)
#define EXPIRES_MAX_NS (3650 * 86400ULL * 1000 * NS_PER_MS)

/* A reading under way. */
struct reading {
	bool update;
	uint64_t now_ms;
	struct field_error *error;
	struct api_key *key;
	uint32_t seen; /* one bit per row */
};

static int refuse(const struct reading *reading, const char *field, const char *message)
{
	field_error_set(reading->error, field, "%s", message);
	return API_KEY_E_INVALID;
}

static int parse_name(struct reading *reading, const struct json *value)
{
	size_t len;
	const char *text = json_string(value, &len);

	if (len == 0)
		return refuse(reading, "name", "must not be empty");
	if (len > API_KEY_NAME_MAX) {
		field_error_set(reading->error, "name", "must be at most %d bytes long, not %zu",
				API_KEY_NAME_MAX, len);
		return API_KEY_E_INVALID;
	}
	if (utf8_has_control(text, len))
		return refuse(reading, "name", "must not hold control characters");
	memcpy(reading->key->name, text, len + 1);
	return 0;
}

static int refuse_right(const struct reading *reading, const char *field, const char *text)
{
	char list[FIELD_MESSAGE_SIZE];
	struct buf names;

	buf_init_fixed(&names, list, sizeof(list));
	for (uint32_t right = 1; right < AUTH_ALL; right <<= 1)
		buf_printf(&names, "%s, ", auth_right_name(right));
	field_error_set(reading->error, field, "must be %sor %s%s%s%s", list,
			auth_right_name(AUTH_ALL), text ? ", not '" : "", text ? text : "",
			text ? "'" : "");
	return API_KEY_E_INVALID;
}

static int parse_right(const struct reading *reading, const struct json *array, size_t at,
		       uint32_t *rights)
{
	const struct json *value = json_array_at(array, at);
	uint32_t right = 0;
	const char *text = NULL;
	char field[FIELD_NAME_SIZE];
	struct buf place;
	size_t len = 0;

	buf_init_fixed(&place, field, sizeof(field));
	buf_printf(&place, "rights[%zu]", at);
	if (json_type_of(value) == JSON_STRING) {
		text = json_string(value, &len);
		right = auth_right_find(text, len);
	}
	if (!right)
		return refuse_right(reading, field, text);
	if ((*rights & right) == right)
		return refuse(reading, field, "is named already");
	*rights |= right;
	return 0;
}

static int parse_rights(struct reading *reading, const struct json *value)
{
	uint32_t rights = 0;
	int r = 0;

	if (json_array_len(value) == 0)
		return refuse(reading, "rights", "must name at least one right, such as \"check\"");
	for (size_t i = 0; i < json_array_len(value) && r == 0; i++)
		r = parse_right(reading, value, i, &rights);
	if (r == 0)
		reading->key->rights = rights;
	return r;
}

static int parse_expires_in(struct reading *reading, const struct json *value)
{
	const char *text;
	uint64_t ns;
	size_t len;

	if (json_type_of(value) == JSON_NULL) {
		reading->key->expires_at_ms = 0;
		return 0;
	}
	text = json_string(value, &len);
	if (duration_parse_ns(text, len, &ns) || ns < EXPIRES_MIN_NS || ns > EXPIRES_MAX_NS)
		return refuse(reading, "expires_in",
			      "must be a duration from \"1s\" to \"3650d\", such as \"30d\", or "
			      "null for a key that does not expire");
	reading->key->expires_at_ms = reading->now_ms + ns / NS_PER_MS;
	return 0;
}

static int compare_id(struct reading *reading, const struct json *value)
{
	if (strcmp(json_string(value, NULL), reading->key->id) == 0)
		return 0;
	return refuse(reading, "id", "cannot change: make a new key instead");
}

/* Members without a parser are the service's own. */
static const struct member {
	const char *name;
	enum json_type type;
	bool required; /* when a key is made */
	bool nullable;
	bool read_only;
	int (*parse)(struct reading *reading, const struct json *value);
} members[] = {
	{"id", JSON_STRING, .read_only = true, .parse = compare_id},
	{"name", JSON_STRING, .required = true, .parse = parse_name},
	{"rights", JSON_ARRAY, .required = true, .parse = parse_rights},
	{"expires_in", JSON_STRING, .nullable = true, .parse = parse_expires_in},
	{"expires_at", .read_only = true},
	{"expired", .read_only = true},
	{"token", .read_only = true},
	{"revision", .read_only = true},
	{"created_at", .read_only = true},
	{"updated_at", .read_only = true},
	{"last_used_at", .read_only = true},
};

enum {
	N_MEMBERS = sizeof(members) / sizeof(members[0]),
};

static int read_value(const struct member *member, const struct json *value,
		      struct reading *reading)
{
	enum json_type type = json_type_of(value);

	if (type == member->type || (type == JSON_NULL && member->nullable))
		return member->parse(reading, value);
	field_error_set(reading->error, member->name, "must be %s, not %s",
			json_type_name(member->type), json_type_name(type));
	return API_KEY_E_INVALID;
}

static int read_member(const char *name, const struct json *value, void *data)
{
	struct reading *reading = data;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		const struct member *member = &members[i];

		if (strcmp(member->name, name) != 0)
			continue;
		reading->seen |= 1u << i;
		if (member->read_only && !reading->update)
			return refuse(reading, name,
				      "is read-only: the service sets it, leave it out");
		return member->parse ? read_value(member, value, reading) : 0;
	}
	return refuse(reading, name, "is not a field of an API key");
}

static int read_key(struct reading *reading, const struct json *object)
{
	int r;

	if (json_type_of(object) != JSON_OBJECT)
		return refuse(reading, "", "must be an object");
	r = json_each(object, read_member, reading);
	for (size_t i = 0; i < N_MEMBERS && r == 0 && !reading->update; i++)
		if (members[i].required && !(reading->seen >> i & 1))
			r = refuse(reading, members[i].name, "is required");
	return r;
}

static int read_into(bool update, const struct json *object, uint64_t now_ms,
		     struct field_error *error, struct api_key *ret)
{
	struct api_key key = *ret;
	struct reading reading = {.update = update, .now_ms = now_ms, .error = error, .key = &key};
	int r;

	r = read_key(&reading, object);
	if (r)
		return r;
	key.updated_at_ms = now_ms;
	if (!update)
		key.created_at_ms = now_ms;
	*ret = key;
	return 0;
}

int api_key_parse(const struct json *object, uint64_t now_ms, struct field_error *error,
		  struct api_key *ret)
{
	return read_into(false, object, now_ms, error, ret);
}

int api_key_parse_update(const struct json *object, uint64_t now_ms, struct field_error *error,
			 struct api_key *ret)
{
	return read_into(true, object, now_ms, error, ret);
}

/* 0: null. */
static void write_time(struct json_writer *writer, const char *name, uint64_t unix_ms)
{
	char text[UTC_TEXT_SIZE];

	json_name(writer, name);
	if (unix_ms == 0) {
		json_put_null(writer);
		return;
	}
	utc_format(unix_ms, text);
	json_put_str(writer, text);
}

void api_key_write(const struct api_key *key, const struct api_key_shown *shown, struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	json_name(&writer, "id");
	json_put_str(&writer, key->id);
	json_name(&writer, "name");
	json_put_str(&writer, key->name);
	json_name(&writer, "rights");
	api_key_write_rights(key->rights, &writer);
	write_time(&writer, "expires_at", key->expires_at_ms);
	json_name(&writer, "expired");
	json_put_bool(&writer, api_key_expired(key, shown->now_ms));
	json_name(&writer, "revision");
	json_put_u64(&writer, key->revision);
	write_time(&writer, "created_at", key->created_at_ms);
	write_time(&writer, "updated_at", key->updated_at_ms);
	write_time(&writer, "last_used_at", shown->last_used_at_ms);
	if (shown->token) {
		json_name(&writer, "token");
		json_put_str(&writer, shown->token);
	}
	json_end_object(&writer);
}

/* Of `shown`, where it differs from `other`; other NULL: all. */
static void write_form(const struct api_key *shown, const struct api_key *other,
		       struct json_writer *writer)
{
	if (!shown) {
		json_put_null(writer);
		return;
	}
	json_begin_object(writer);
	if (!other) {
		json_name(writer, "id");
		json_put_str(writer, shown->id);
	}
	if (!other || strcmp(shown->name, other->name) != 0) {
		json_name(writer, "name");
		json_put_str(writer, shown->name);
	}
	if (!other || shown->rights != other->rights) {
		json_name(writer, "rights");
		api_key_write_rights(shown->rights, writer);
	}
	if (!other || shown->expires_at_ms != other->expires_at_ms)
		write_time(writer, "expires_at", shown->expires_at_ms);
	if (!other)
		write_time(writer, "created_at", shown->created_at_ms);
	json_end_object(writer);
}

void api_key_write_change(const struct api_key *before, const struct api_key *after,
			  struct json_writer *writer)
{
	json_begin_object(writer);
	json_name(writer, "before");
	write_form(before, after, writer);
	json_name(writer, "after");
	write_form(after, before, writer);
	json_end_object(writer);
}
