/* A bounded queue of bytes from one thread to another, without a lock. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RING_BYTES = 128 * 1024,
	RING_ENTRY_MAX = 4096,
};

/* One writer and one reader at a time. Zeroed memory is an empty ring. */
struct ring {
	_Alignas(64) _Atomic uint64_t head; /* bytes ever written; the writer's */
	_Alignas(64) _Atomic uint64_t tail; /* bytes ever read; the reader's */
	_Alignas(64) char bytes[RING_BYTES];
};

/* Room for an entry of up to RING_ENTRY_MAX bytes, aligned to 8, which ring_commit() lets the reader
 * see. NULL: full. */
void *ring_claim(struct ring *ring, size_t len);
void ring_commit(struct ring *ring, size_t len);
/* The oldest entry, until ring_drop(). NULL: none. */
const void *ring_next(struct ring *ring);
void ring_drop(struct ring *ring);
