/* What `sluice top` shows: one event of rates as lines of a given width. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/buf.h"
#include "json/json.h"

enum top_sort { TOP_BY_RATE, TOP_BY_ALLOWED, TOP_BY_DENIED };

enum {
	TOP_HEAD_LINE = 4, /* the line with the titles of the columns, from 0 */
	TOP_WIDTH_MIN = 40,
};

struct top_view {
	const char *url;
	const struct json *rates; /* NULL: none has come yet */
	const char *state;        /* what else to say, in a line of its own; "": nothing */
	enum top_sort sort;
	size_t width;
	size_t height; /* lines; 0: as many as there are, and no line about keys to press */
	size_t scroll; /* rows that are above the first shown; lowered to what makes sense */
	size_t keys;   /* busiest keys to show of each limit */
};

/* Lines without escape sequences, each with its line end. Out of memory makes *out fail. */
void top_view_write(struct top_view *view, struct buf *out);

enum { TOP_RATE_SIZE = 8 };
/* "0", "<0.1", "3.2", "512", "1.23k", "45.6M". */
void top_format_rate(double rate, char text[TOP_RATE_SIZE]);
