/* The one table of a limit's fields, which parses, updates, saves, loads and shows it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "json/writer.h"
#include "model/limit.h"

enum {
	/*
	 * Of the record that limit_save() writes. Members of limits of packets came without a new
	 * schema: they stand in no other record, and a version that does not know them refuses
	 * scope packet, which comes first.
	 */
	LIMIT_SCHEMA = 1,
};

/* What a field is to those who send it; a field without flags may be sent or left out. */
enum {
	FIELD_REQUIRED = 1 << 0,     /* must be there when a limit is made */
	FIELD_FIXED = 1 << 1,        /* never changes: may be sent back, but not differ */
	FIELD_READ_ONLY = 1 << 2,    /* the service writes it; in an update it is ignored */
	FIELD_NULLABLE = 1 << 3,     /* null means: as if it had not been given */
	FIELD_LISTED = 1 << 4,       /* an array of one value means that value */
	FIELD_RECORD = 1 << 5,       /* stands in records only */
	FIELD_DERIVED = 1 << 6,      /* left out of the record unless the user gave it */
	FIELD_SHOWN = 1 << 7,        /* only shown, kept elsewhere */
	FIELD_FIRST = 1 << 8,        /* read before the others, which depend on it */
	FIELD_REQUESTS = 1 << 9,     /* stands only in limits of requests */
	FIELD_PACKETS = 1 << 10,     /* stands only in limits of packets */
	FIELD_INITIAL = 1 << 11,     /* sent when a limit is made, neither kept nor shown */
	FIELD_PROVISIONAL = 1 << 12, /* stands only in limits that are not confirmed */
};

struct limit_choice {
	const char *text;
	unsigned int value;
	const char *refusal; /* why it cannot be chosen yet, or NULL */
};

/*
 * One row. parse gets a value of the row's type (or null where that is allowed), returns 0,
 * MODEL_E_INVALID with *error filled, or -ENOMEM. offset says where parse and write find their
 * part of struct limit; choices ends with a NULL text.
 */
struct limit_field {
	const char *name;
	enum json_type type;
	unsigned int flags;
	size_t offset;
	const struct limit_choice *choices;
	int (*parse)(const struct limit_field *field, const struct json *value,
		     struct field_error *error, struct limit *limit);
	void (*write)(const struct limit_field *field, const struct limit *limit,
		      struct json_writer *writer);
};

/* In the order in which they are written. */
extern const struct limit_field limit_fields[];
extern const size_t limit_field_count;

extern const struct limit_choice limit_scopes[], limit_algorithms[];

/* Rows' functions for text (limit_text.c). */
#define LIMIT_ROW_PARSE(verb)                                                             \
	int limit_parse_##verb(const struct limit_field *field, const struct json *value, \
			       struct field_error *error, struct limit *limit)
#define LIMIT_ROW_WRITE(verb)                                                               \
	void limit_write_##verb(const struct limit_field *field, const struct limit *limit, \
				struct json_writer *writer)
LIMIT_ROW_PARSE(match); /* packet_parse.c */
LIMIT_ROW_PARSE(per);   /* packet_per.c */
LIMIT_ROW_PARSE(key);
LIMIT_ROW_PARSE(name);
LIMIT_ROW_PARSE(id);
LIMIT_ROW_PARSE(origin);
LIMIT_ROW_WRITE(match);
LIMIT_ROW_WRITE(per);
LIMIT_ROW_WRITE(key);
LIMIT_ROW_WRITE(name);
LIMIT_ROW_WRITE(text);

/* Whether a row without any flag of `unwanted` is written of this limit. */
bool limit_field_stands(const struct limit_field *field, const struct limit *limit,
			unsigned int unwanted);

/* NULL if no row has that name. */
const struct limit_field *limit_field_find(const char *name);
/* The name of a field that users may send and that `name` misses by one typing error, or NULL. */
const char *limit_field_suggest(const char *name);

/* One letter too many, too few or wrong, two neighbours swapped, or capitals. */
bool limit_is_one_slip_away(const char *typed, const char *name);

/* The word for a value that is in the table of choices. */
const char *limit_choice_text(const struct limit_choice *choices, unsigned int value);

/* What limit_parse() does with members, but for a stored record. */
int limit_parse_record(const struct json *object, struct field_error *error, struct limit *ret);

/* Fills *error and returns MODEL_E_INVALID. */
int limit_refuse(struct field_error *error, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
