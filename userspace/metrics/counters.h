/* Counters that many threads add to without a lock: each thread has its own copy of them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
	/* Threads with a copy of their own; all later ones share one more, by atomic addition. */
	COUNTERS_THREADS = 32,
};

/* Cells only grow, so what is read never goes back. */
struct counters {
	size_t n;                /* cells */
	size_t stride;           /* of one copy, in cells: whole cache lines */
	_Atomic uint64_t *cells; /* owned */
};

/* 0 or -ENOMEM. */
int counters_new(size_t n, struct counters **ret);
/* NULL is fine. */
void counters_free(struct counters *counters);
static inline void counters_freep(struct counters **counters)
{
	counters_free(*counters);
}
#define _cleanup_counters_ _cleanup_(counters_freep)

/* The calling thread's number plus 1, for as long as the process lives; 0: it has none yet. */
extern _Thread_local unsigned int counters_thread;
unsigned int counters_number_thread(void);

/* A load, an addition and a store on memory that no other thread writes. */
static inline void counters_add(struct counters *counters, size_t cell, uint64_t n)
{
	unsigned int thread = counters_thread ? counters_thread : counters_number_thread();
	_Atomic uint64_t *at = &counters->cells[(thread - 1) * counters->stride + cell];

	if (thread > COUNTERS_THREADS)
		atomic_fetch_add_explicit(at, n, memory_order_relaxed);
	else
		atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n,
				      memory_order_relaxed);
}

/* The sum over all threads. Any thread. */
uint64_t counters_read(const struct counters *counters, size_t cell);
