/* What views for people are made of. Members that are missing or of another type read as nothing. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/grid_priv.h"
#include "json/json.h"

enum {
	VIEW_DATE_SIZE = 12, /* "2026-01-31" */
};

/* A string member, or "". */
const char *view_text(const struct json *object, const char *name);
/* An integer member, or `otherwise`. */
int64_t view_integer(const struct json *object, const char *name, int64_t otherwise);
/* One value or a list of them, with commas. */
void view_put_values(struct buf *ret, const struct json *value);

/* A line of a table of two columns without a head; nothing where there is nothing to show. */
void view_put_line(struct grid *grid, const char *label, const char *text);
void view_put_number(struct grid *grid, const char *label, const struct json *object,
		     const char *name);
