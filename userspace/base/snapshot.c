/* Counts references; a cell's lock covers only reading the pointer and taking one. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stddef.h>

#include "base/snapshot.h"

void snapshot_init(struct snapshot *snapshot, void (*free)(struct snapshot *snapshot))
{
	atomic_init(&snapshot->references, 1);
	snapshot->free = free;
}

void snapshot_cell_init(struct snapshot_cell *cell)
{
	pthread_mutex_init(&cell->lock, NULL);
	cell->current = NULL;
}

void snapshot_cell_done(struct snapshot_cell *cell)
{
	snapshot_put(cell->current);
	cell->current = NULL;
	pthread_mutex_destroy(&cell->lock);
}

void snapshot_publish(struct snapshot_cell *cell, struct snapshot *snapshot)
{
	struct snapshot *former;

	pthread_mutex_lock(&cell->lock);
	former = cell->current;
	cell->current = snapshot;
	pthread_mutex_unlock(&cell->lock);
	/* Freeing may take long: not under the lock. */
	snapshot_put(former);
}

struct snapshot *snapshot_get(struct snapshot_cell *cell)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&cell->lock);
	snapshot = cell->current;
	/* The cell's own reference keeps it alive here, so no order is needed. */
	if (snapshot)
		atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
	pthread_mutex_unlock(&cell->lock);
	return snapshot;
}

void snapshot_put(struct snapshot *snapshot)
{
	unsigned int before;

	if (!snapshot)
		return;
	before = atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		snapshot->free(snapshot);
}
