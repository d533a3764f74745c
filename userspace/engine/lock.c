/* The slow paths of the lock: spin a little, then sleep in the kernel. */
/* SPDX-License-Identifier: MIT */

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/lock.h"

enum { LOCK_SPINS = 10 };

static void relax_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Holders keep a lock for less than a sleep costs, unless they were scheduled away. */
void lock_wait(struct lock *lock)
{
	for (int i = 0; i < LOCK_SPINS; i++) {
		uint32_t expected = 0;

		if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) == 0 &&
		    __atomic_compare_exchange_n(&lock->state, &expected, 1, 0, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		relax_cpu();
	}
	/* From here on held as 2: who wakes does not know whether others sleep still. */
	while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void lock_wake(struct lock *lock)
{
	syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
