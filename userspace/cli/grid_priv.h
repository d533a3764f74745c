/* Tables for people: columns that line up, escaped, cut to a width where that is possible. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum {
	GRID_COLUMNS_MAX = 8,
	GRID_CUT_MIN = 8, /* no column is cut to less */
};

struct grid_column {
	const char *title; /* NULL in all: a table without a head */
	bool right;
	bool may_cut; /* "long te…" when the table would be too wide */
};

/* Cells are put row by row. A column whose cells are all empty is left out. */
struct grid {
	const struct grid_column *columns;
	size_t n_columns;
	struct buf cells; /* escaped, each with its NUL */
	size_t n_cells;
};

/* columns are borrowed, at most GRID_COLUMNS_MAX. */
void grid_init(struct grid *grid, const struct grid_column *columns, size_t n_columns);
void grid_done(struct grid *grid);
#define _cleanup_grid_ _cleanup_(grid_done)

void grid_put(struct grid *grid, const char *text, size_t len);
void grid_put_str(struct grid *grid, const char *text);
void grid_printf(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rows must be whole. Out of memory makes *out fail. */
void grid_write(const struct grid *grid, size_t width, struct buf *out);
