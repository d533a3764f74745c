/* Escapes and measures text for a terminal. */
/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"
#include "cli/text_priv.h"

void text_init(void)
{
	/* In every C library of Debian; without it, non-ASCII characters count as one column. */
	setlocale(LC_CTYPE, "C.UTF-8");
}

static size_t sequence_len(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The character at text, and its bytes; 0 bytes when it is not UTF-8. */
static size_t decode(const char *text, size_t len, uint32_t *ret)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = sequence_len(at[0]);

	if (n > len || !utf8_valid(text, n))
		return 0;
	*ret = n == 1 ? at[0] : at[0] & (0xFFu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*ret = *ret << 6 | (at[i] & 0x3Fu);
	return n;
}

static bool is_dangerous(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},       {0x61C, 0x61C},
		{0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F},
		{0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static void put_escape(struct buf *buf, uint32_t c)
{
	if (c == '\n')
		buf_put_str(buf, "\\n");
	else if (c == '\t')
		buf_put_str(buf, "\\t");
	else if (c == '\r')
		buf_put_str(buf, "\\r");
	else if (c < 0x80)
		buf_printf(buf, "\\x%02x", c);
	else if (c < 0x10000)
		buf_printf(buf, "\\u%04x", c);
	else
		buf_printf(buf, "\\U%08x", c);
}

void text_put_escaped(struct buf *buf, const char *text, size_t len)
{
	while (len > 0) {
		uint32_t c = 0;
		size_t n = decode(text, len, &c);

		if (n == 0)
			buf_printf(buf, "\\x%02x", (unsigned char)*text);
		else if (is_dangerous(c))
			put_escape(buf, c);
		else
			buf_put(buf, text, n);
		n += n == 0;
		text += n;
		len -= n;
	}
}

static size_t columns_of(uint32_t c)
{
	int columns = c < 0x80 ? 1 : wcwidth((wchar_t)c);

	return columns < 0 ? 1 : (size_t)columns;
}

/* Walks until the end or until the next character would not fit; returns the bytes walked. */
static size_t walk(const char *text, size_t len, size_t most, size_t *ret_columns)
{
	size_t at = 0;

	*ret_columns = 0;
	while (at < len) {
		uint32_t c = 0;
		size_t n = decode(text + at, len - at, &c);
		size_t columns = columns_of(c);

		if (*ret_columns + columns > most)
			break;
		*ret_columns += columns;
		at += n ? n : 1;
	}
	return at;
}

size_t text_columns(const char *text, size_t len)
{
	size_t columns;

	walk(text, len, SIZE_MAX - 2, &columns);
	return columns;
}

size_t text_fit(const char *text, size_t len, size_t columns)
{
	size_t used;

	return walk(text, len, columns, &used);
}

void text_put_blanks(struct buf *buf, size_t n)
{
	while (n-- > 0)
		buf_put_char(buf, ' ');
}

void text_put_cell(struct buf *buf, const char *text, size_t width, bool right)
{
	size_t len = strlen(text), columns = text_columns(text, len);
	bool cut = columns > width;

	if (cut) {
		len = text_fit(text, len, width - 1);
		columns = text_columns(text, len) + 1;
	}
	if (right)
		text_put_blanks(buf, width - columns);
	buf_put(buf, text, len);
	if (cut)
		buf_put_str(buf, "…");
	if (!right)
		text_put_blanks(buf, width - columns);
}

void text_format_ms(uint64_t ms, char text[TIME_TEXT_SIZE])
{
	static const struct {
		uint64_t small_ms;
		uint64_t per_large; /* small ones in a large one */
		uint64_t most;      /* small ones, below which these two units serve */
		const char *large, *small;
	} units[] = {{1000, 60, 3600, "m", "s"},
		     {60000, 60, 1440, "h", "m"},
		     {3600000, 24, UINT64_MAX, "d", "h"}};
	uint64_t count = 0;
	size_t at = 0;

	if (ms < 1000) {
		snprintf(text, TIME_TEXT_SIZE, "%llums", (unsigned long long)ms);
		return;
	}
	if (ms <= 9900) {
		count = (ms + 99) / 100;
		snprintf(text, TIME_TEXT_SIZE, count % 10 ? "%llu.%llus" : "%llus",
			 (unsigned long long)(count / 10), (unsigned long long)(count % 10));
		return;
	}
	for (;; at++) {
		count = ms / units[at].small_ms + (ms % units[at].small_ms > 0);
		if (count < units[at].most)
			break;
	}
	if (count < units[at].per_large)
		snprintf(text, TIME_TEXT_SIZE, "%llu%s", (unsigned long long)count,
			 units[at].small);
	else if (count % units[at].per_large == 0)
		snprintf(text, TIME_TEXT_SIZE, "%llu%s",
			 (unsigned long long)(count / units[at].per_large), units[at].large);
	else
		snprintf(text, TIME_TEXT_SIZE, "%llu%s %llu%s",
			 (unsigned long long)(count / units[at].per_large), units[at].large,
			 (unsigned long long)(count % units[at].per_large), units[at].small);
}
