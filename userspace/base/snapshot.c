/* Counts references; a cell's lock covers only reading the pointer and taking one. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/snapshot.h"

void snapshot_init(struct snapshot *snapshot, void (*free)(struct snapshot *snapshot))
{
	atomic_init(&snapshot->references, 1);
	snapshot->free = free;
}

/* What one thread holds of a cell. */
struct reader {
	unsigned long generation;
	struct snapshot *held;
};

static void free_reader(void *data)
{
	struct reader *reader = data;

	if (!reader)
		return;
	snapshot_put(reader->held);
	free(reader);
}

int snapshot_cell_init(struct snapshot_cell *cell)
{
	int err = pthread_key_create(&cell->readers, free_reader);

	if (err)
		return -err;
	pthread_mutex_init(&cell->lock, NULL);
	cell->current = NULL;
	atomic_init(&cell->generation, 0);
	return 0;
}

void snapshot_cell_done(struct snapshot_cell *cell)
{
	/* Deleting a key runs no destructor: this thread's reader would be left over. */
	free_reader(pthread_getspecific(cell->readers));
	pthread_key_delete(cell->readers);
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
	atomic_fetch_add_explicit(&cell->generation, 1, memory_order_release);
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

static struct reader *make_reader(struct snapshot_cell *cell)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader && pthread_setspecific(cell->readers, reader)) {
		free(reader);
		return NULL;
	}
	return reader;
}

struct snapshot *snapshot_read(struct snapshot_cell *cell)
{
	unsigned long generation = atomic_load_explicit(&cell->generation, memory_order_acquire);
	struct reader *reader = pthread_getspecific(cell->readers);

	if (reader && reader->generation == generation)
		return reader->held;
	if (!reader)
		reader = make_reader(cell);
	if (!reader)
		return NULL;
	/* What is taken now is of this generation or a later one, which the next call sees. */
	snapshot_put(reader->held);
	reader->held = snapshot_get(cell);
	reader->generation = generation;
	return reader->held;
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
