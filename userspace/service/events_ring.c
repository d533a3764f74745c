/* A bounded queue of bytes from one thread to another, without a lock. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "service/events_ring_priv.h"

/* Before each entry; a size of 0 says that the rest of the ring is left out. */
struct header {
	uint64_t size; /* with the header */
};

static struct header *header_at(struct ring *ring, uint64_t at)
{
	return (struct header *)&ring->bytes[at % RING_BYTES];
}

static uint64_t size_of(size_t len)
{
	return (sizeof(struct header) + len + 7) & ~(uint64_t)7;
}

/* Where an entry of this size may begin: not where it would go over the edge. */
static uint64_t place_of(uint64_t head, uint64_t size)
{
	uint64_t left = RING_BYTES - head % RING_BYTES;

	return size <= left ? head : head + left;
}

void *ring_claim(struct ring *ring, size_t len)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	uint64_t size = size_of(len), at = place_of(head, size);

	assert(len <= RING_ENTRY_MAX);
	if (at + size - tail > RING_BYTES)
		return NULL;
	if (at != head)
		header_at(ring, head)->size = 0;
	header_at(ring, at)->size = size;
	return header_at(ring, at) + 1;
}

void ring_commit(struct ring *ring, size_t len)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t size = size_of(len);

	atomic_store_explicit(&ring->head, place_of(head, size) + size, memory_order_release);
}

const void *ring_next(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (head == tail)
		return NULL;
	/* What was left out lies before an entry that is there. */
	if (header_at(ring, tail)->size == 0) {
		tail += RING_BYTES - tail % RING_BYTES;
		atomic_store_explicit(&ring->tail, tail, memory_order_release);
	}
	return header_at(ring, tail) + 1;
}

void ring_drop(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->tail, tail + header_at(ring, tail)->size,
			      memory_order_release);
}
