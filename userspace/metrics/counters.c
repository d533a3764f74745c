/* Hands each thread its copy of the counters, and sums the copies. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/counters.h"

enum {
	LINE_BYTES = 64,
	LINE_CELLS = LINE_BYTES / sizeof(uint64_t),
	COPIES = COUNTERS_THREADS + 1,
};

_Thread_local unsigned int counters_thread;

/* Numbers are not given twice: with a dead thread's number its counts would be another's. */
unsigned int counters_number_thread(void)
{
	static atomic_uint last;
	unsigned int number = atomic_load(&last);

	while (number <= COUNTERS_THREADS &&
	       !atomic_compare_exchange_weak(&last, &number, number + 1))
		;
	counters_thread = number < COPIES ? number + 1 : COPIES;
	return counters_thread;
}

int counters_new(size_t n, struct counters **ret)
{
	struct counters *counters = malloc(sizeof(*counters));
	size_t bytes;

	if (!counters)
		return -ENOMEM;
	counters->n = n;
	counters->stride = (n + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
	bytes = COPIES * counters->stride * sizeof(*counters->cells);
	counters->cells = aligned_alloc(LINE_BYTES, bytes);
	if (!counters->cells) {
		free(counters);
		return -ENOMEM;
	}
	memset((void *)counters->cells, 0, bytes);
	*ret = counters;
	return 0;
}

void counters_free(struct counters *counters)
{
	if (!counters)
		return;
	free((void *)counters->cells);
	free(counters);
}

uint64_t counters_read(const struct counters *counters, size_t cell)
{
	uint64_t sum = 0;

	for (size_t copy = 0; copy < COPIES; copy++)
		sum += atomic_load_explicit(&counters->cells[copy * counters->stride + cell],
					    memory_order_relaxed);
	return sum;
}
