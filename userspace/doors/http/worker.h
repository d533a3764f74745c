/* A few threads for work that may block, so that polling threads never do. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Embedded in what the job works on; the pool never frees it. */
struct worker_job {
	void (*run)(struct worker_job *job);
	struct worker_job *next;
};

struct worker_pool;

/* 0 or -errno. */
int worker_pool_new(unsigned int threads, struct worker_pool **ret);
/* Jobs start in order of arrival. False, and the job is not taken, once the pool was stopped. */
bool worker_pool_push(struct worker_pool *pool, struct worker_job *job);
/* Runs what was pushed and joins the threads. NULL is fine, and so is a second time. */
void worker_pool_stop(struct worker_pool *pool);
/* Stops it first. Nobody may push any more. NULL is fine. */
void worker_pool_free(struct worker_pool *pool);
