/* Makes a log line whole: JSON or text, with whatever is not text in it escaped. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "base/log_priv.h"
#include "base/utc.h"
#include "base/utf8.h"

enum {
	ESCAPE_MAX_BYTES = 6, /* \u001b */
	/* Of the message, where fields follow. */
	MESSAGE_BESIDE_FIELDS = LOG_LINE_MAX / 2,
	NUMBER_MAX_BYTES = 20,
	/* What a field takes beside name and value: ,"":"" */
	FIELD_FRAME = 6,
	CLOSING_SIZE = sizeof("\"}\n"), /* of the longest kind of line */
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const level_labels[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
static const char cut_mark[] = "...";

enum escapes {
	ESCAPE_CONTROLS,
	ESCAPE_QUOTES, /* and backslashes: the text stands in double quotes */
};

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

/* Returns the bytes read. */
static size_t put_character(struct buf *text, const char *at, size_t left, enum escapes escapes)
{
	size_t len = character_len(at, left);

	if (len == 0) {
		buf_put_str(text, "\xEF\xBF\xBD"); /* U+FFFD stands for what is not UTF-8 */
		return 1;
	}
	/* It would move a terminal's cursor, or end the line. */
	if (utf8_has_control(at, len))
		buf_printf(text, "\\u%04x", (unsigned char)at[len - 1]);
	else if (escapes == ESCAPE_QUOTES && (*at == '"' || *at == '\\'))
		buf_printf(text, "\\%c", *at);
	else
		buf_put(text, at, len);
	return len;
}

/* How many bytes stand for themselves: nearly all of nearly every text. */
static size_t measure_plain(const char *at, size_t most, enum escapes escapes)
{
	size_t len = 0;

	while (len < most && at[len] >= ' ' && at[len] <= '~' &&
	       (escapes != ESCAPE_QUOTES || (at[len] != '"' && at[len] != '\\')))
		len++;
	return len;
}

/* Where a text must end, so that its mark and what closes the line still fit. */
static size_t last_end(const struct buf *text)
{
	return text->size - sizeof(cut_mark) - CLOSING_SIZE;
}

/* Puts at most what lets the line be `end` bytes long; then the mark, also when it was cut before. */
static void put_escaped(struct buf *text, const char *from, size_t len, enum escapes escapes,
			bool cut, size_t end)
{
	size_t at = 0, room, plain;

	while (at < len && text->len + ESCAPE_MAX_BYTES <= end) {
		room = end - text->len;
		plain = measure_plain(from + at, len - at < room ? len - at : room, escapes);
		buf_put(text, from + at, plain);
		at += plain > 0 ? plain : put_character(text, from + at, len - at, escapes);
	}
	if (cut || at < len)
		buf_put_str(text, cut_mark);
}

static void put_message(const struct log_line *line, bool json, struct buf *text)
{
	size_t end = line->n ? MESSAGE_BESIDE_FIELDS : last_end(text);

	put_escaped(text, line->message, line->len, json ? ESCAPE_QUOTES : ESCAPE_CONTROLS,
		    line->cut, end);
}

/* On a terminal: whether it would run into its neighbours without quotes. */
static bool needs_quotes(const struct log_field *field)
{
	for (size_t i = 0; i < field->len; i++)
		if ((unsigned char)field->text[i] <= ' ' || strchr("\"=\\", field->text[i]))
			return true;
	return field->len == 0;
}

static void put_text(const struct log_field *field, bool quotes, struct buf *text)
{
	size_t end = text->len + LOG_VALUE_MAX;

	if (end > last_end(text))
		end = last_end(text);
	if (quotes)
		buf_put_char(text, '"');
	put_escaped(text, field->text, field->len, quotes ? ESCAPE_QUOTES : ESCAPE_CONTROLS, false,
		    end);
	if (quotes)
		buf_put_char(text, '"');
}

static void put_field(const struct log_field *field, bool json, struct buf *text)
{
	size_t least = strlen(field->name) + FIELD_FRAME + NUMBER_MAX_BYTES;

	if ((field->type == LOG_FIELD_TEXT && !field->text) || text->len + least > last_end(text))
		return;
	buf_put_str(text, json ? ",\"" : " ");
	buf_put_str(text, field->name);
	buf_put_str(text, json ? "\":" : "=");
	if (field->type == LOG_FIELD_NUMBER)
		buf_put_u64(text, field->number);
	else
		put_text(field, json || needs_quotes(field), text);
}

void log_line_put(const struct log_line *line, bool json, struct buf *text)
{
	char time[UTC_TEXT_SIZE];

	utc_format(read_utc_ms(), time);
	buf_put_str(text, json ? "{\"time\":\"" : "");
	buf_put_str(text, time);
	buf_put_str(text, json ? "\",\"level\":\"" : " ");
	buf_put_str(text, (json ? level_names : level_labels)[line->level]);
	buf_put_str(text, json ? "\",\"message\":\"" : " ");
	put_message(line, json, text);
	if (json)
		buf_put_char(text, '"');
	for (size_t i = 0; i < line->n; i++)
		put_field(&line->fields[i], json, text);
	buf_put_str(text, json ? "}\n" : "\n");
}
