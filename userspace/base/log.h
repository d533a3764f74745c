/* One log line per event: text on a terminal, one JSON object otherwise. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Only app, cli, doors and adapter loops log. Lines go to stderr, whole, from any thread. */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_AUTO, /* text if stderr is a terminal, else JSON */
	LOG_FORMAT_JSON,
	LOG_FORMAT_TEXT,
};

/* What is logged from here on, and how. Any thread, also again. */
void log_init(enum log_level least, enum log_format format);

/*
 * From here on lines are queued and a thread of its own writes them, so that nobody waits for a
 * pipe that is not read or for a disk. What the queue does not hold, or stderr does not take, is
 * dropped; how many lines that were is said as soon as one can be written again. Without it, a line
 * waits for at most 100 ms. Call it once, before threads that log are started. 0 or -errno.
 */
int log_start(void);
/* Waits until what is queued was written, for at most wait_ms. */
void log_flush(unsigned int wait_ms);
/* Writes what is queued, for at most half a second, and ends the thread. */
void log_stop(void);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * One member of a line beside its message: "name":"text" in JSON, name=text on a terminal. Made by
 * the macros below. A text is cut at LOG_VALUE_MAX bytes as they are written, a NULL one left out.
 */
struct log_field {
	const char *name; /* a literal of lower-case letters and underscores */
	const char *text; /* NULL: a number */
	size_t len;
	uint64_t number;
	enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } type;
};

enum {
	LOG_VALUE_MAX = 512,
	LOG_FIELDS_MAX = 24,
};

#define LOG_TEXT(field_name, at, bytes) \
	((struct log_field){.name = (field_name), .text = (at), .len = (bytes)})
#define LOG_STR(field_name, string) log_field_of_string((field_name), (string))
#define LOG_U64(field_name, value) \
	((struct log_field){.name = (field_name), .number = (value), .type = LOG_FIELD_NUMBER})

struct log_field log_field_of_string(const char *name, const char *string);

/* log_event(LOG_LEVEL_INFO, "limit made", LOG_STR("limit", id), LOG_U64("burst", burst)); */
#define log_event(level, message, ...)                                          \
	log_fields((level), (message), (const struct log_field[]){__VA_ARGS__}, \
		   sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
/* At most LOG_FIELDS_MAX of them. */
void log_fields(enum log_level level, const char *message, const struct log_field *fields,
		size_t n);
