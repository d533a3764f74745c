/* Tables line up, leave out what is empty, and are cut to a width where they may be. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/grid_priv.h"
#include "cli/text_priv.h"

static const struct grid_column columns[] = {
	{.title = "ID"},
	{.title = "N", .right = true},
	{.title = "WHAT", .may_cut = true},
	{.title = "NAME", .may_cut = true},
};

enum {
	N_COLUMNS = sizeof(columns) / sizeof(columns[0]),
};

/* Cells row by row, as a table of this width. */
static void check(const char *const *cells, size_t n, size_t width, const char *expected)
{
	_cleanup_grid_ struct grid grid;
	_cleanup_buf_ struct buf out;

	text_init();
	buf_init(&out);
	buf_put_str(&out, "");
	grid_init(&grid, columns, N_COLUMNS);
	for (size_t i = 0; i < n; i++)
		grid_put_str(&grid, cells[i]);
	grid_write(&grid, width, &out);
	assert_string_equal(out.data, expected);
}

#define CHECK(cells, width, expected) \
	check(cells, sizeof(cells) / sizeof((cells)[0]), width, expected)

static void columns_line_up_by_what_shows(void **state)
{
	static const char *const cells[] = {
		"a", "1",  "\xE5\x90\x8D", "x", /* two columns */
		"b", "20", "abcd",         "y",
	};

	CHECK(cells, 80,
	      "ID   N  WHAT  NAME\n"
	      "a    1  \xE5\x90\x8D    x\n"
	      "b   20  abcd  y\n");
}

static void column_without_text_is_left_out(void **state)
{
	static const char *const cells[] = {"", "1", "w", "", "", "2", "", ""};

	CHECK(cells, 80, "N  WHAT\n1  w\n2\n");
}

static void no_rows_are_no_lines(void **state)
{
	_cleanup_grid_ struct grid grid;
	_cleanup_buf_ struct buf out;

	buf_init(&out);
	grid_init(&grid, columns, N_COLUMNS);
	grid_write(&grid, 80, &out);
	assert_false(out.failed);
	assert_int_equal(out.len, 0);
}

static void widest_column_is_cut_at_a_character(void **state)
{
	static const char *const cells[] = {
		"id",
		"1",
		"\xE5\x90\x8D\xE5\x90\x8D\xE5\x90\x8D\xE5\x90\x8D\xE5\x90\x8D",
		"short",
	};

	/* Of ten columns eight are left: three characters, the mark, one blank. */
	CHECK(cells, 22,
	      "ID  N  WHAT      NAME\n"
	      "id  1  \xE5\x90\x8D\xE5\x90\x8D\xE5\x90\x8D\xE2\x80\xA6   short\n");
}

static void columns_that_may_not_be_cut_stay_whole(void **state)
{
	static const char *const cells[] = {"a-long-identifier-stays", "1", "w", "n"};

	CHECK(cells, 10,
	      "ID                       N  WHAT  NAME\n"
	      "a-long-identifier-stays  1  w     n\n");
}

static void cells_cannot_make_lines_or_steer_the_terminal(void **state)
{
	static const char *const cells[] = {"a\nb", "1", "\x1B[31m", "\xE2\x80\xAE"};

	CHECK(cells, 80,
	      "ID    N  WHAT      NAME\n"
	      "a\\nb  1  \\x1b[31m  \\u202e\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up_by_what_shows),
		cmocka_unit_test(column_without_text_is_left_out),
		cmocka_unit_test(no_rows_are_no_lines),
		cmocka_unit_test(widest_column_is_cut_at_a_character),
		cmocka_unit_test(columns_that_may_not_be_cut_stay_whole),
		cmocka_unit_test(cells_cannot_make_lines_or_steer_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
