/* Decides what is logged and how, and hands whole lines to the queue. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_priv.h"
#include "base/utf8.h"

enum {
	MESSAGE_MAX_BYTES = 2048,
};

/* Set by log_init(), read by every thread. */
static atomic_int log_least = LOG_LEVEL_INFO;
static atomic_bool log_json = true;

void log_init(enum log_level least, enum log_format format)
{
	bool json = format == LOG_FORMAT_JSON;

	if (format == LOG_FORMAT_AUTO)
		json = isatty(STDERR_FILENO) != 1;
	atomic_store(&log_least, (int)least);
	atomic_store(&log_json, json);
}

bool log_is_json(void)
{
	return atomic_load(&log_json);
}

static bool is_silent(enum log_level level)
{
	return (int)level > atomic_load_explicit(&log_least, memory_order_relaxed);
}

static void put_line(const struct log_line *line)
{
	char memory[LOG_LINE_MAX];
	struct buf text;

	buf_init_fixed(&text, memory, sizeof(memory));
	log_line_put(line, log_is_json(), &text);
	log_queue_put(text.data, text.len);
}

void log_write(enum log_level level, const char *format, ...)
{
	char message[MESSAGE_MAX_BYTES];
	struct log_line line = {.level = level, .message = message};
	int saved_errno = errno;
	va_list args;
	int wanted;

	if (is_silent(level))
		return;
	va_start(args, format);
	wanted = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	line.cut = wanted >= (int)sizeof(message);
	if (wanted >= 0)
		line.len = line.cut ? utf8_cut(message, sizeof(message) - 1) : (size_t)wanted;
	put_line(&line);
	errno = saved_errno;
}

struct log_field log_field_of_string(const char *name, const char *string)
{
	return LOG_TEXT(name, string, string ? strlen(string) : 0);
}

void log_fields(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	const struct log_line line = {
		.level = level,
		.message = message,
		.len = strlen(message),
		.fields = fields,
		.n = n,
	};
	int saved_errno = errno;

	if (!is_silent(level))
		put_line(&line);
	errno = saved_errno;
}
