/* Reads and writes what is text in a limit: key, name, and the words of the service. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/limit_priv.h"

/* Why the engine refused a pattern, for the person who wrote it. */
static int refuse_pattern(const char *name, const char *text, size_t len, struct field_error *error)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\\')
			continue;
		if (i + 1 == len || (text[i + 1] != '*' && text[i + 1] != '\\'))
			return limit_refuse(error, name,
					    "has a stray backslash at byte %zu: only \\* and \\\\ "
					    "mean something, a literal backslash is \\\\",
					    i + 1);
		i++;
	}
	return limit_refuse(error, name, "may hold at most %d `*`; a literal star is \\*",
			    ENGINE_PATTERN_STARS);
}

int limit_parse_key(const struct limit_field *field, const struct json *value,
		    struct field_error *error, struct limit *limit)
{
	size_t len;
	const char *text = json_string(value, &len);
	bool exact;
	char *key;

	if (len == 0)
		return limit_refuse(error, field->name, "must not be empty");
	if (len > ENGINE_KEY_MAX)
		return limit_refuse(error, field->name, "must be at most %d bytes long, not %zu",
				    ENGINE_KEY_MAX, len);
	if (engine_pattern_check(text, len, &exact) != 0)
		return refuse_pattern(field->name, text, len, error);
	key = strndup(text, len);
	if (!key)
		return -ENOMEM;
	free(limit->key);
	limit->key = key;
	limit->key_len = len;
	return 0;
}

void limit_write_key(const struct limit_field *field, const struct limit *limit,
		     struct json_writer *writer)
{
	(void)field;
	json_put_string(writer, limit->key, limit->key_len);
}

int limit_parse_name(const struct limit_field *field, const struct json *value,
		     struct field_error *error, struct limit *limit)
{
	const char *text = "";
	size_t len = 0;

	if (json_type_of(value) != JSON_NULL)
		text = json_string(value, &len);
	if (len > LIMIT_NAME_MAX)
		return limit_refuse(error, field->name, "must be at most %d bytes long, not %zu",
				    LIMIT_NAME_MAX, len);
	if (utf8_has_control(text, len))
		return limit_refuse(error, field->name, "must not hold control characters");
	memcpy(limit->name, text, len + 1);
	return 0;
}

void limit_write_name(const struct limit_field *field, const struct limit *limit,
		      struct json_writer *writer)
{
	(void)field;
	if (limit->name[0])
		json_put_str(writer, limit->name);
	else
		json_put_null(writer);
}

/* Words of the service's own making: they stand in paths and logs. */
static int parse_word(const struct json *value, const char *name, size_t size,
		      struct field_error *error, char *word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t len;
	const char *text = json_string(value, &len);

	if (len == 0 || len >= size || strspn(text, allowed) != len)
		return limit_refuse(error, name, "must be 1 to %zu letters, digits, `_` or `-`",
				    size - 1);
	memcpy(word, text, len + 1);
	return 0;
}

int limit_parse_id(const struct limit_field *field, const struct json *value,
		   struct field_error *error, struct limit *limit)
{
	return parse_word(value, field->name, sizeof(limit->id), error, limit->id);
}

int limit_parse_origin(const struct limit_field *field, const struct json *value,
		       struct field_error *error, struct limit *limit)
{
	return parse_word(value, field->name, sizeof(limit->origin), error, limit->origin);
}

void limit_write_text(const struct limit_field *field, const struct limit *limit,
		      struct json_writer *writer)
{
	json_put_str(writer, (const char *)limit + field->offset);
}
