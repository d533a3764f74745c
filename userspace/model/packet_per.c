/* Reads and writes per: the address that a limit of packets counts for, and how much of it. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "model/limit_priv.h"
#include "model/packet_priv.h"

enum {
	LENGTH4 = 32,
	LENGTH6 = 64, /* one person owns a /64 */
	LENGTH6_MAX = 128,
};

/* Lengths of prefixes as written: one or two numbers, or none. */
struct lengths {
	unsigned int n;
	unsigned int value[2];
};

static int refuse_form(const char *name, struct field_error *error)
{
	return limit_refuse(error, name,
			    "must be \"src\" or \"dst\", or with prefix lengths \"src/24\" "
			    "(IPv4) or \"src/24/48\" (IPv4 and IPv6)");
}

/* "", "/24" or "/24/48". */
static bool read_lengths(const char *text, struct lengths *ret)
{
	ret->n = 0;
	while (*text) {
		size_t len;

		if (*text != '/' || ret->n == 2)
			return false;
		text++;
		len = strcspn(text, "/");
		if (!packet_number_parse(text, len, 999, &ret->value[ret->n]))
			return false;
		ret->n++;
		text += len;
	}
	return true;
}

/* One number is of IPv4, unless there is only IPv6. */
static int set_lengths(const struct lengths *lengths, const char *name, struct field_error *error,
		       struct packet_match *match)
{
	bool only6 = !packet_match_takes(match, 4);
	unsigned int most6 = only6 ? LENGTH6_MAX : LENGTH6;
	unsigned int length4 = LENGTH4, length6 = LENGTH6;

	if (lengths->n == 2 || (lengths->n == 1 && !only6))
		length4 = lengths->value[0];
	if (lengths->n == 2 || (lengths->n == 1 && only6))
		length6 = lengths->value[lengths->n - 1];
	if (length4 < 1 || length4 > LENGTH4)
		return limit_refuse(error, name, "must have an IPv4 prefix length from 1 to %d%s",
				    LENGTH4,
				    lengths->n == 1 ? ": a single one is of IPv4, "
						      "unless match has IPv6 addresses only" :
						      "");
	if (length6 < 1 || length6 > most6)
		return limit_refuse(error, name, "must have an IPv6 prefix length from 1 to %u%s",
				    most6, only6 ? "" : ", as long as match takes IPv4, too");
	match->per_length4 = (uint8_t)length4;
	match->per_length6 = (uint8_t)length6;
	return 0;
}

int limit_parse_per(const struct limit_field *field, const struct json *value,
		    struct field_error *error, struct limit *limit)
{
	struct packet_match *match = limit->match;
	struct lengths lengths = {0};
	const char *text = "";

	if (json_type_of(value) == JSON_NULL) {
		match->per = SLUICE_PER_ALL;
		return set_lengths(&lengths, field->name, error, match);
	}
	text = json_string(value, NULL);
	if (strncmp(text, "src", 3) != 0 && strncmp(text, "dst", 3) != 0)
		return refuse_form(field->name, error);
	if (!read_lengths(text + 3, &lengths))
		return refuse_form(field->name, error);
	match->per = text[0] == 's' ? SLUICE_PER_SRC : SLUICE_PER_DST;
	return set_lengths(&lengths, field->name, error, match);
}

static void format_per(const struct packet_match *match, char *text, size_t size)
{
	const char *word = match->per == SLUICE_PER_SRC ? "src" : "dst";
	bool only6 = !packet_match_takes(match, 4);

	if (match->per_length4 == LENGTH4 && match->per_length6 == LENGTH6)
		snprintf(text, size, "%s", word);
	else if (only6 && match->per_length4 == LENGTH4)
		snprintf(text, size, "%s/%u", word, match->per_length6);
	else if (!only6 && match->per_length6 == LENGTH6)
		snprintf(text, size, "%s/%u", word, match->per_length4);
	else
		snprintf(text, size, "%s/%u/%u", word, match->per_length4, match->per_length6);
}

void limit_write_per(const struct limit_field *field, const struct limit *limit,
		     struct json_writer *writer)
{
	char text[sizeof("src/255/255")];

	(void)field;
	if (limit->match->per == SLUICE_PER_ALL) {
		json_put_null(writer);
		return;
	}
	format_per(limit->match, text, sizeof(text));
	json_put_str(writer, text);
}

int packet_per_check(const struct packet_match *match, struct field_error *error)
{
	if (match->per_length6 <= LENGTH6 || !packet_match_takes(match, 4))
		return 0;
	return limit_refuse(error, "match",
			    "must have IPv6 addresses only, because per counts by IPv6 /%u",
			    match->per_length6);
}
