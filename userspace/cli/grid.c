/* Tables for people: measured once, written once. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/grid_priv.h"
#include "cli/text_priv.h"

enum {
	GAP = 2,
};

void grid_init(struct grid *grid, const struct grid_column *columns, size_t n_columns)
{
	assert(n_columns > 0 && n_columns <= GRID_COLUMNS_MAX);
	*grid = (struct grid){.columns = columns, .n_columns = n_columns};
	buf_init(&grid->cells);
}

void grid_done(struct grid *grid)
{
	buf_done(&grid->cells);
}

void grid_put(struct grid *grid, const char *text, size_t len)
{
	text_put_escaped(&grid->cells, text, len);
	buf_put(&grid->cells, "", 1);
	grid->n_cells++;
}

void grid_put_str(struct grid *grid, const char *text)
{
	grid_put(grid, text, strlen(text));
}

void grid_printf(struct grid *grid, const char *format, ...)
{
	char fixed[512];
	va_list args;

	va_start(args, format);
	vsnprintf(fixed, sizeof(fixed), format, args);
	va_end(args);
	grid_put_str(grid, fixed);
}

/* The columns that each one needs; 0: all its cells are empty. */
static void measure(const struct grid *grid, size_t widths[GRID_COLUMNS_MAX])
{
	const char *cell = grid->cells.data;

	memset(widths, 0, GRID_COLUMNS_MAX * sizeof(widths[0]));
	for (size_t i = 0; i < grid->n_cells; i++, cell += strlen(cell) + 1) {
		size_t *width = &widths[i % grid->n_columns];
		size_t columns = text_columns(cell, strlen(cell));

		if (columns > *width)
			*width = columns;
	}
	for (size_t i = 0; i < grid->n_columns; i++) {
		const char *title = grid->columns[i].title;

		if (widths[i] > 0 && title && strlen(title) > widths[i])
			widths[i] = strlen(title);
	}
}

static size_t total_of(const struct grid *grid, const size_t widths[GRID_COLUMNS_MAX])
{
	size_t total = 0;

	for (size_t i = 0; i < grid->n_columns; i++)
		if (widths[i] > 0)
			total += widths[i] + (total > 0 ? GAP : 0);
	return total;
}

/* Narrows the widest column that may be cut until the whole fits, or none can give more. */
static void narrow(const struct grid *grid, size_t width, size_t widths[GRID_COLUMNS_MAX])
{
	while (total_of(grid, widths) > width) {
		size_t widest = GRID_COLUMNS_MAX;

		for (size_t i = 0; i < grid->n_columns; i++)
			if (grid->columns[i].may_cut && widths[i] > GRID_CUT_MIN &&
			    (widest == GRID_COLUMNS_MAX || widths[i] > widths[widest]))
				widest = i;
		if (widest == GRID_COLUMNS_MAX)
			return;
		widths[widest]--;
	}
}

/* Drops what only fills up the last column. */
static void end_line(struct buf *out)
{
	while (!out->failed && out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	buf_put_char(out, '\n');
}

/* One cell of a line, and the gap before it. */
static void add_cell(const struct grid *grid, size_t index, const char *cell,
		     const size_t widths[GRID_COLUMNS_MAX], struct buf *out)
{
	bool first = true;

	if (widths[index] == 0)
		return;
	for (size_t i = 0; i < index; i++)
		first &= widths[i] == 0;
	text_put_blanks(out, first ? 0 : GAP);
	text_put_cell(out, cell, widths[index], grid->columns[index].right);
}

void grid_write(const struct grid *grid, size_t width, struct buf *out)
{
	size_t widths[GRID_COLUMNS_MAX];
	const char *cell = grid->cells.data;

	assert(grid->n_cells % grid->n_columns == 0);
	if (grid->cells.failed) {
		out->failed = true;
		return;
	}
	measure(grid, widths);
	narrow(grid, width, widths);
	for (size_t i = 0; grid->columns[0].title && i < grid->n_columns; i++)
		add_cell(grid, i, grid->columns[i].title, widths, out);
	if (grid->columns[0].title && grid->n_cells > 0)
		end_line(out);
	for (size_t i = 0; i < grid->n_cells; i++, cell += strlen(cell) + 1) {
		add_cell(grid, i % grid->n_columns, cell, widths, out);
		if (i % grid->n_columns == grid->n_columns - 1)
			end_line(out);
	}
}
