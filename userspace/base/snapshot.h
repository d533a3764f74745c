/* A cell that holds the newest immutable object of a kind; readers keep theirs as long as needed. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

/* Embed as first member of the immutable object. Born with one reference, the publisher's. */
struct snapshot {
	atomic_uint references;
	void (*free)(struct snapshot *snapshot);
};

/* Thread-safe; get and put cost two atomic operations each, which all threads contend for. */
struct snapshot_cell {
	pthread_mutex_t lock; /* guards current, held for a few instructions */
	struct snapshot *current;
	atomic_ulong generation; /* counts publications */
	pthread_key_t readers;   /* each thread's own reference, for snapshot_read() */
};

void snapshot_init(struct snapshot *snapshot, void (*free)(struct snapshot *snapshot));
/* 0 or -errno. */
int snapshot_cell_init(struct snapshot_cell *cell);
/* Drops the cell's own reference. Every other thread that called snapshot_read() has ended. */
void snapshot_cell_done(struct snapshot_cell *cell);

/* Takes the publisher's reference; the former object loses the cell's. */
void snapshot_publish(struct snapshot_cell *cell, struct snapshot *snapshot);
/* NULL while nothing was published. Give it back with snapshot_put(). */
struct snapshot *snapshot_get(struct snapshot_cell *cell);
/*
 * For hot paths: the same, but borrowed until this thread calls it again. A thread keeps one
 * reference, and gets another only after a publication, so readers share no written cache line.
 */
struct snapshot *snapshot_read(struct snapshot_cell *cell);
/* NULL is fine. The last one out frees the object, on its own thread. */
void snapshot_put(struct snapshot *snapshot);
