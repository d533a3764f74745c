/* Writes JSON by copying runs of bytes: no format strings, since every answer comes through. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "json/writer.h"

static const char hex_digits[] = "0123456789abcdef";

void json_writer_init(struct json_writer *writer, struct buf *buf)
{
	*writer = (struct json_writer){.buf = buf};
}

static void put_literal(struct json_writer *writer, const char *text, size_t len)
{
	char *at = json_begin_value(writer, len);

	if (!at)
		return;
	memcpy(at, text, len);
	buf_advance(writer->buf, len);
}

static void begin_nest(struct json_writer *writer, const char *bracket)
{
	put_literal(writer, bracket, 1);
	writer->comma = false;
}

static void end_nest(struct json_writer *writer, char bracket)
{
	buf_put_char(writer->buf, bracket);
	writer->comma = true;
}

void json_begin_object(struct json_writer *writer)
{
	begin_nest(writer, "{");
}

void json_end_object(struct json_writer *writer)
{
	end_nest(writer, '}');
}

void json_begin_array(struct json_writer *writer)
{
	begin_nest(writer, "[");
}

void json_end_array(struct json_writer *writer)
{
	end_nest(writer, ']');
}

void json_put_null(struct json_writer *writer)
{
	put_literal(writer, "null", 4);
}

void json_put_bool(struct json_writer *writer, bool value)
{
	if (value)
		put_literal(writer, "true", 4);
	else
		put_literal(writer, "false", 5);
}

void json_put_u64(struct json_writer *writer, uint64_t value)
{
	if (json_begin_value(writer, 0))
		buf_put_u64(writer->buf, value);
}

void json_put_s64(struct json_writer *writer, int64_t value)
{
	if (json_begin_value(writer, 0))
		buf_put_s64(writer->buf, value);
}

void json_put_decimal(struct json_writer *writer, double value)
{
	const double most = 1e15;
	uint64_t rounded = (uint64_t)((value > 0 ? value < most ? value : most : 0) * 1000 + 0.5);
	unsigned int part = (unsigned int)(rounded % 1000);

	json_put_u64(writer, rounded / 1000);
	if (part == 0)
		return;
	buf_put_char(writer->buf, '.');
	for (unsigned int digit = 100; part > 0; part %= digit, digit /= 10)
		buf_put_char(writer->buf, (char)('0' + part / digit));
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* How many bytes from the start need none, looking at eight at a time. */
static size_t count_plain(const char *text, size_t len)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = ones << 7;
	uint64_t x, quote, slash, found;
	size_t done = 0;

	for (; len - done >= sizeof(x); done += sizeof(x)) {
		memcpy(&x, text + done, sizeof(x));
		quote = x ^ ones * '"';
		slash = x ^ ones * '\\';
		/* A byte below n borrows from its top bit; for n = 1 that is a zero byte. */
		found = ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) |
			((slash - ones) & ~slash);
		if (found & tops)
			break;
	}
	while (done < len && !needs_escape((unsigned char)text[done]))
		done++;
	return done;
}

/* Returns the escape's end; it takes at most six bytes. */
static char *put_escape(char *at, unsigned char c)
{
	static const char shorts[128] = {
		['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
	};

	*at++ = '\\';
	if (shorts[c]) {
		*at++ = shorts[c];
		return at;
	}
	at[0] = 'u';
	at[1] = '0';
	at[2] = '0';
	at[3] = hex_digits[c >> 4];
	at[4] = hex_digits[c & 15];
	return at + 5;
}

/* The rest of a string from its first byte that needs an escape. */
static void put_escaped(struct buf *buf, const char *text, size_t len)
{
	size_t run = 0;
	char *at;

	for (size_t i = 0; i < len; i++) {
		if (!needs_escape((unsigned char)text[i]))
			continue;
		buf_put(buf, text + run, i - run);
		run = i + 1;
		at = buf_reserve(buf, 6);
		if (!at)
			return;
		buf_advance(buf, (size_t)(put_escape(at, (unsigned char)text[i]) - at));
	}
	buf_put(buf, text + run, len - run);
}

void json_put_string(struct json_writer *writer, const char *text, size_t len)
{
	char *at = json_begin_value(writer, len + 2);
	size_t plain;

	if (!at)
		return;
	plain = count_plain(text, len);
	at[0] = '"';
	memcpy(at + 1, text, plain);
	if (plain == len) {
		at[len + 1] = '"';
		buf_advance(writer->buf, len + 2);
		return;
	}
	buf_advance(writer->buf, plain + 1);
	put_escaped(writer->buf, text + plain, len - plain);
	buf_put_char(writer->buf, '"');
}

void json_put_str(struct json_writer *writer, const char *text)
{
	json_put_string(writer, text, strlen(text));
}
