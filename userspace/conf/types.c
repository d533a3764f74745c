/* How each type of setting is read, written and bounded. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "conf/table_priv.h"

enum {
	NS_PER_MS = 1000000,
};

static void *field_of(const struct setting *row, struct settings *settings)
{
	return (char *)settings + row->offset;
}

static const void *value_of(const struct setting *row, const struct settings *settings)
{
	return (const char *)settings + row->offset;
}

/* Of what was typed, no more is shown than finding it takes: it may be a secret in the wrong place. */
static bool refuse(const struct setting *row, const char *text, struct field_error *error)
{
	size_t len = strlen(text),
	       shown = len > TYPED_SHOWN_MAX ? utf8_cut(text, TYPED_SHOWN_MAX) : len;
	_cleanup_buf_ struct buf range;

	buf_init(&range);
	if (row->type->range)
		row->type->range(row, &range);
	field_error_set(error, "", "takes %s%s%s, not '%.*s%s'", row->type->noun,
			range.len ? ", " : "", range.len ? range.data : "", (int)shown, text,
			shown < len ? "..." : "");
	return false;
}

static bool parse_address(const struct setting *row, const char *text, struct field_error *error,
			  struct settings *settings)
{
	struct conf_address address = {.len = 0};

	if (!address_parse(text, &address))
		return refuse(row, text, error);
	*(struct conf_address *)field_of(row, settings) = address;
	return true;
}

static bool format_address(const struct setting *row, const struct settings *settings,
			   struct buf *text)
{
	const struct conf_address *address = value_of(row, settings);
	char shown[ADDRESS_TEXT_SIZE];

	if (address->len == 0)
		return false;
	address_format(address, address_port(address), shown);
	buf_put_str(text, shown);
	return true;
}

static bool parse_text(const struct setting *row, const char *text, struct field_error *error,
		       struct settings *settings)
{
	if (!*text) {
		field_error_set(error, "", "must not be empty");
		return false;
	}
	*(const char **)field_of(row, settings) = text;
	return true;
}

static bool format_text(const struct setting *row, const struct settings *settings,
			struct buf *text)
{
	const char *value = *(const char *const *)value_of(row, settings);

	if (value)
		buf_put_str(text, value);
	return value;
}

static bool format_secret(const struct setting *row, const struct settings *settings,
			  struct buf *text)
{
	if (!*(const char *const *)value_of(row, settings))
		return false;
	buf_put_str(text, "(secret)");
	return true;
}

static void range_secret(const struct setting *row, struct buf *text)
{
	buf_printf(text, "%u to %u characters", (unsigned)row->least, (unsigned)row->most);
}

static bool within(const struct setting *row, uint64_t value)
{
	return value >= row->least && value <= row->most;
}

static bool parse_number(const struct setting *row, const char *text, struct field_error *error,
			 struct settings *settings)
{
	uint64_t number;

	if (number_parse_u64(text, strlen(text), &number) || !within(row, number))
		return refuse(row, text, error);
	*(uint64_t *)field_of(row, settings) = number;
	return true;
}

static bool format_number(const struct setting *row, const struct settings *settings,
			  struct buf *text)
{
	buf_put_u64(text, *(const uint64_t *)value_of(row, settings));
	return true;
}

static void range_number(const struct setting *row, struct buf *text)
{
	if (row->most == UINT64_MAX)
		buf_printf(text, "at least %llu", (unsigned long long)row->least);
	else
		buf_printf(text, "%llu to %llu", (unsigned long long)row->least,
			   (unsigned long long)row->most);
}

static bool parse_time(const struct setting *row, const char *text, struct field_error *error,
		       struct settings *settings)
{
	uint64_t ns;

	if (duration_parse_ns(text, strlen(text), &ns) || !within(row, ns / NS_PER_MS))
		return refuse(row, text, error);
	*(uint64_t *)field_of(row, settings) = ns / NS_PER_MS;
	return true;
}

static void put_time(uint64_t ms, struct buf *text)
{
	char shown[DURATION_TEXT_SIZE];

	duration_format(ms * NS_PER_MS, shown);
	buf_put_str(text, shown);
}

static bool format_time(const struct setting *row, const struct settings *settings,
			struct buf *text)
{
	put_time(*(const uint64_t *)value_of(row, settings), text);
	return true;
}

static void range_time(const struct setting *row, struct buf *text)
{
	put_time(row->least, text);
	buf_put_str(text, " to ");
	put_time(row->most, text);
}

static const char *const size_units[] = {"KiB", "MiB", "GiB"};

enum {
	N_SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]),
};

/* Bytes of a whole number and its unit; false when it is none, or more than 64 bits hold. */
static bool read_bytes(const char *text, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number;

	if (number_parse_u64(text, digits, &number))
		return false;
	for (size_t i = 0; i < N_SIZE_UNITS; i++)
		if (strcmp(text + digits, size_units[i]) == 0)
			return !__builtin_mul_overflow(number, 1024ULL << 10 * i, ret);
	return false;
}

static bool parse_size(const struct setting *row, const char *text, struct field_error *error,
		       struct settings *settings)
{
	uint64_t bytes, rounded = row->least;

	if (!read_bytes(text, &bytes) || !within(row, bytes))
		return refuse(row, text, error);
	while (rounded <= bytes / 2)
		rounded *= 2;
	*(uint64_t *)field_of(row, settings) = rounded;
	return true;
}

static void put_size(uint64_t bytes, struct buf *text)
{
	size_t unit = 0;

	for (bytes /= 1024; unit + 1 < N_SIZE_UNITS && bytes % 1024 == 0; unit++)
		bytes /= 1024;
	buf_printf(text, "%llu%s", (unsigned long long)bytes, size_units[unit]);
}

static bool format_size(const struct setting *row, const struct settings *settings,
			struct buf *text)
{
	put_size(*(const uint64_t *)value_of(row, settings), text);
	return true;
}

static void range_size(const struct setting *row, struct buf *text)
{
	put_size(row->least, text);
	buf_put_str(text, " to ");
	put_size(row->most, text);
}

static bool parse_flag(const struct setting *row, const char *text, struct field_error *error,
		       struct settings *settings)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return refuse(row, text, error);
	*(bool *)field_of(row, settings) = yes;
	return true;
}

static bool format_flag(const struct setting *row, const struct settings *settings,
			struct buf *text)
{
	buf_put_str(text, *(const bool *)value_of(row, settings) ? "true" : "false");
	return true;
}

static bool parse_choice(const struct setting *row, const char *text, struct field_error *error,
			 struct settings *settings)
{
	for (unsigned int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) != 0)
			continue;
		*(unsigned int *)field_of(row, settings) = i;
		return true;
	}
	return refuse(row, text, error);
}

static bool format_choice(const struct setting *row, const struct settings *settings,
			  struct buf *text)
{
	buf_put_str(text, row->choices[*(const unsigned int *)value_of(row, settings)]);
	return true;
}

static void range_choice(const struct setting *row, struct buf *text)
{
	for (unsigned int i = 0; row->choices[i]; i++) {
		if (i > 0)
			buf_put_str(text, row->choices[i + 1] ? ", " : " or ");
		buf_put_str(text, row->choices[i]);
	}
}

/* What the kernel takes for a name, but visible ASCII only: it is shown in JSON and logs. */
static bool interface_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IF_NAMESIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/' || name[i] == ':')
			return false;
	return true;
}

/* Adds one. */
static bool parse_interface(const struct setting *row, const char *text, struct field_error *error,
			    struct settings *settings)
{
	if (!interface_name_valid(text))
		return refuse(row, text, error);
	for (size_t i = 0; i < settings->n_interfaces; i++) {
		if (strcmp(settings->interfaces[i], text) != 0)
			continue;
		field_error_set(error, "", "'%s' is there twice", text);
		return false;
	}
	if (settings->n_interfaces == row->most) {
		field_error_set(error, "", "at most %d interfaces", CONF_INTERFACES_MAX);
		return false;
	}
	memcpy(settings->interfaces[settings->n_interfaces++], text, strlen(text) + 1);
	return true;
}

static bool format_interfaces(const struct setting *row, const struct settings *settings,
			      struct buf *text)
{
	(void)row;
	for (size_t i = 0; i < settings->n_interfaces; i++) {
		if (i > 0)
			buf_put_char(text, ',');
		buf_put_str(text, settings->interfaces[i]);
	}
	return settings->n_interfaces > 0;
}

static void range_interfaces(const struct setting *row, struct buf *text)
{
	buf_printf(text, "up to %u names", (unsigned)row->most);
}

const struct setting_type type_address = {
	.noun = "ADDRESS:PORT such as 127.0.0.1:4000 or [::1]:4000",
	.parse = parse_address,
	.format = format_address,
};
const struct setting_type type_path = {
	.noun = "a path", .parse = parse_text, .format = format_text};
const struct setting_type type_text = {
	.noun = "a text", .parse = parse_text, .format = format_text};
const struct setting_type type_number = {
	.noun = "a number",
	.parse = parse_number,
	.format = format_number,
	.range = range_number,
	.plain = true,
};
const struct setting_type type_time = {
	.noun = "a time such as 500ms or 10s",
	.parse = parse_time,
	.format = format_time,
	.range = range_time,
};
const struct setting_type type_size = {
	.noun = "a size with a unit (KiB, MiB, GiB)",
	.parse = parse_size,
	.format = format_size,
	.range = range_size,
};
const struct setting_type type_flag = {
	.noun = "true or false",
	.parse = parse_flag,
	.format = format_flag,
	.plain = true,
	.flag = true,
};
const struct setting_type type_interfaces = {
	.noun = "an interface's name",
	.parse = parse_interface,
	.format = format_interfaces,
	.range = range_interfaces,
	.list = true,
};
const struct setting_type type_choice = {
	.noun = "a word",
	.parse = parse_choice,
	.format = format_choice,
	.range = range_choice,
};
const struct setting_type type_secret = {
	.noun = "a secret",
	.parse = parse_text,
	.format = format_secret,
	.range = range_secret,
	.secret = true,
};
