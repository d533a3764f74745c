/* Composes each line whole, escapes what is not text in it, and writes it with one write(2). */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/utc.h"
#include "base/utf8.h"

enum {
	/* A pipe takes this much at once (PIPE_BUF), so lines of several threads never mix. */
	LINE_MAX_BYTES = 4096,
	MESSAGE_MAX_BYTES = 2048,
	ESCAPE_MAX_BYTES = 6, /* \u001b */
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const level_labels[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
static const char cut_mark[] = "...";

/* Set by log_init(), read by every thread. */
static atomic_int log_least = LOG_LEVEL_INFO;
static atomic_bool log_on_terminal;

void log_init(enum log_level least)
{
	atomic_store(&log_least, (int)least);
	atomic_store(&log_on_terminal, isatty(STDERR_FILENO) == 1);
}

static uint64_t read_utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t character_len(const char *at, size_t left)
{
	size_t len = 1;

	while (len < left && len < 4 && ((unsigned char)at[len] & 0xC0) == 0x80)
		len++;
	return utf8_valid(at, len) ? len : 0;
}

/* Bytes that would move a terminal's cursor or end a line: C0, DEL and, in two bytes, C1. */
static bool is_control(const char *at, size_t len)
{
	unsigned char first = (unsigned char)at[0];

	if (len == 1)
		return first < 0x20 || first == 0x7F;
	return len == 2 && first == 0xC2 && (unsigned char)at[1] < 0xA0;
}

/* Returns the bytes read. */
static size_t put_character(struct buf *line, const char *at, size_t left, bool json)
{
	size_t len = character_len(at, left);

	if (len == 0) {
		buf_put_str(line, "\xEF\xBF\xBD"); /* U+FFFD stands for what is not UTF-8 */
		return 1;
	}
	if (is_control(at, len))
		buf_printf(line, "\\u%04x", (unsigned char)at[len - 1]);
	else if (json && (*at == '"' || *at == '\\'))
		buf_printf(line, "\\%c", *at);
	else
		buf_put(line, at, len);
	return len;
}

static void put_message(struct buf *line, const char *text, size_t len, bool json, bool cut)
{
	/* Leaves room for the mark and what closes the line. */
	size_t most = line->size - ESCAPE_MAX_BYTES - sizeof(cut_mark) - sizeof("\"}\n");
	size_t at = 0;

	while (at < len && line->len <= most)
		at += put_character(line, text + at, len - at, json);
	if (cut || at < len)
		buf_put_str(line, cut_mark);
}

void log_write(enum log_level level, const char *format, ...)
{
	char memory[LINE_MAX_BYTES], message[MESSAGE_MAX_BYTES], time[UTC_TEXT_SIZE];
	bool json = !atomic_load(&log_on_terminal);
	int saved_errno = errno;
	struct buf line;
	size_t len = 0;
	va_list args;
	int wanted;

	if ((int)level > atomic_load(&log_least))
		return;
	va_start(args, format);
	wanted = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (wanted >= 0)
		len = (size_t)wanted < sizeof(message) ? (size_t)wanted :
							 utf8_cut(message, sizeof(message) - 1);
	utc_format(read_utc_ms(), time);
	buf_init_fixed(&line, memory, sizeof(memory));
	buf_printf(&line, json ? "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"" : "%s %s ",
		   time, json ? level_names[level] : level_labels[level]);
	put_message(&line, message, len, json, wanted >= (int)sizeof(message));
	buf_put_str(&line, json ? "\"}\n" : "\n");
	while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
