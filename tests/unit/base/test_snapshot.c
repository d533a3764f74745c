/* A snapshot lives as long as its cell or any reader wants it, and is freed once. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/snapshot.h"

struct view {
	struct snapshot snapshot; /* first */
	int freed;
};

static void count_free(struct snapshot *snapshot)
{
	((struct view *)snapshot)->freed++;
}

static void snapshot_cell_starts_empty(void **state)
{
	struct snapshot_cell cell;

	assert_int_equal(snapshot_cell_init(&cell), 0);
	assert_null(snapshot_get(&cell));
	snapshot_put(NULL);
	snapshot_cell_done(&cell);
}

static void snapshot_replaced_without_readers_is_freed(void **state)
{
	struct view first = {0}, second = {0};
	struct snapshot_cell cell;

	assert_int_equal(snapshot_cell_init(&cell), 0);
	snapshot_init(&first.snapshot, count_free);
	snapshot_init(&second.snapshot, count_free);
	snapshot_publish(&cell, &first.snapshot);
	assert_int_equal(first.freed, 0);
	snapshot_publish(&cell, &second.snapshot);
	assert_int_equal(first.freed, 1);
	assert_int_equal(second.freed, 0);
	snapshot_cell_done(&cell);
	assert_int_equal(first.freed, 1);
	assert_int_equal(second.freed, 1);
}

static void snapshot_held_by_a_reader_outlives_its_cell(void **state)
{
	struct view view = {0};
	struct snapshot *one, *two;
	struct snapshot_cell cell;

	assert_int_equal(snapshot_cell_init(&cell), 0);
	snapshot_init(&view.snapshot, count_free);
	snapshot_publish(&cell, &view.snapshot);
	one = snapshot_get(&cell);
	two = snapshot_get(&cell);
	assert_ptr_equal(one, &view.snapshot);
	assert_ptr_equal(two, &view.snapshot);
	snapshot_cell_done(&cell);
	snapshot_put(one);
	assert_int_equal(view.freed, 0);
	snapshot_put(two);
	assert_int_equal(view.freed, 1);
}

static void snapshot_read_borrows_until_the_next_publication(void **state)
{
	struct view first = {0}, second = {0};
	struct snapshot_cell cell;

	assert_int_equal(snapshot_cell_init(&cell), 0);
	assert_null(snapshot_read(&cell));
	snapshot_init(&first.snapshot, count_free);
	snapshot_init(&second.snapshot, count_free);
	snapshot_publish(&cell, &first.snapshot);
	assert_ptr_equal(snapshot_read(&cell), &first.snapshot);
	assert_ptr_equal(snapshot_read(&cell), &first.snapshot);
	snapshot_publish(&cell, &second.snapshot);
	assert_int_equal(first.freed, 0);
	assert_ptr_equal(snapshot_read(&cell), &second.snapshot);
	assert_int_equal(first.freed, 1);
	snapshot_cell_done(&cell);
	assert_int_equal(second.freed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshot_cell_starts_empty),
		cmocka_unit_test(snapshot_replaced_without_readers_is_freed),
		cmocka_unit_test(snapshot_held_by_a_reader_outlives_its_cell),
		cmocka_unit_test(snapshot_read_borrows_until_the_next_publication),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
