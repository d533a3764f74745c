/* A mutex in four bytes: one atomic operation to take it, one to drop it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Zeroed memory is a free lock. Not recursive. A change of limits holds all shards' locks at once,
 * which is more than ThreadSanitizer can follow with pthread mutexes (64 per thread).
 */
struct lock {
	uint32_t state; /* 0 free, 1 held, 2 held and somebody may sleep */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_take(struct lock *lock)
{
	uint32_t expected = 0;

	if (!__atomic_compare_exchange_n(&lock->state, &expected, 1, 0, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		lock_wait(lock);
}

static inline void lock_drop(struct lock *lock)
{
	if (__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2)
		lock_wake(lock);
}
