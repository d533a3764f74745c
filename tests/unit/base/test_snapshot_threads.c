/* Readers of a cell see whole snapshots, in order, while others are published and freed. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/snapshot.h"

enum {
	READERS = 4,
	PUBLICATIONS = 3000,
};

/* Both numbers are equal in every snapshot, and torn in memory that was freed. */
struct view {
	struct snapshot snapshot; /* first */
	int number;
	int again;
};

static struct snapshot_cell cell;
static atomic_int freed;
static atomic_bool stop;

static void free_view(struct snapshot *snapshot)
{
	struct view *view = (struct view *)snapshot;

	view->again = -1;
	atomic_fetch_add(&freed, 1);
	free(view);
}

static void publish(int number)
{
	struct view *view = malloc(sizeof(*view));

	assert_non_null(view);
	snapshot_init(&view->snapshot, free_view);
	view->number = number;
	view->again = number;
	snapshot_publish(&cell, &view->snapshot);
}

static void *read_views(void *data)
{
	int *faults = data;
	int last = 0;

	while (!atomic_load(&stop)) {
		struct view *view = (struct view *)snapshot_get(&cell);

		*faults += view->number != view->again || view->number < last;
		last = view->number;
		snapshot_put(&view->snapshot);
	}
	return NULL;
}

static void *borrow_views(void *data)
{
	int *faults = data;
	int last = 0;

	while (!atomic_load(&stop)) {
		struct view *view = (struct view *)snapshot_read(&cell);

		*faults += view->number != view->again || view->number < last;
		last = view->number;
	}
	return NULL;
}

static void snapshot_readers_never_see_freed_or_older_ones(void **state)
{
	int faults[READERS] = {0};
	pthread_t threads[READERS];

	assert_int_equal(snapshot_cell_init(&cell), 0);
	publish(0);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i % 2 ? read_views : borrow_views, &faults[i]),
				 0);
	for (int i = 1; i < PUBLICATIONS; i++)
		publish(i);
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(faults[i], 0);
	}
	snapshot_cell_done(&cell);
	assert_int_equal(atomic_load(&freed), PUBLICATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshot_readers_never_see_freed_or_older_ones),
	};

	return cmocka_run_group_tests_name("snapshot_threads", tests, NULL, NULL);
}
