/* How the service's threads rest: until a time of CLOCK_MONOTONIC, or until somebody wakes them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* As pthread_cond_timedwait(). Any condition will do: the clock is named here, not in its making. */
static inline int wake_wait(pthread_cond_t *wake, pthread_mutex_t *lock, uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000),
	};

	return pthread_cond_clockwait(wake, lock, CLOCK_MONOTONIC, &until);
}
