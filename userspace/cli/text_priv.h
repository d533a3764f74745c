/* Text for a terminal: what could steer it is escaped, what is left is measured in columns. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	TIME_TEXT_SIZE = 32,
};

/* Sets the locale by which text_columns() measures; once, before threads. */
void text_init(void);

/*
 * Puts text with control characters, line and paragraph separators, those that turn the direction
 * of writing or hide themselves, and bytes that are not UTF-8 as \n, \x1b, \u202e and so on.
 */
void text_put_escaped(struct buf *buf, const char *text, size_t len);
/* Columns of escaped text. */
size_t text_columns(const char *text, size_t len);
/* The bytes of its beginning that take at most `columns`, whole characters only. */
size_t text_fit(const char *text, size_t len, size_t columns);
void text_put_blanks(struct buf *buf, size_t n);
/* Escaped text in exactly `width` columns, which are one at least; what is too long ends in "…". */
void text_put_cell(struct buf *buf, const char *text, size_t width, bool right);

/* "60ms", "1.5s", "2m 3s", "5h 1m", "3d 4h": two units at most, rounded up. */
void text_format_ms(uint64_t ms, char text[TIME_TEXT_SIZE]);
