/* A few threads for work that may block, so that polling threads never do. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "doors/http/worker.h"

struct worker_pool {
	pthread_mutex_t lock; /* guards first, last, stopping */
	pthread_cond_t wake;
	struct worker_job *first;
	struct worker_job **last;
	bool stopping;
	unsigned int n_threads;
	pthread_t threads[];
};

/* NULL when the pool stops and nothing is left. */
static struct worker_job *wait_job(struct worker_pool *pool)
{
	struct worker_job *job;

	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->wake, &pool->lock);
	job = pool->first;
	if (job) {
		pool->first = job->next;
		if (!pool->first)
			pool->last = &pool->first;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *run_worker(void *data)
{
	struct worker_pool *pool = data;
	struct worker_job *job;

	pthread_setname_np(pthread_self(), "sluice-work");
	while ((job = wait_job(pool)))
		job->run(job);
	return NULL;
}

int worker_pool_new(unsigned int threads, struct worker_pool **ret)
{
	struct worker_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pool->last = &pool->first;
	while (pool->n_threads < threads) {
		int err = pthread_create(&pool->threads[pool->n_threads], NULL, run_worker, pool);

		if (err) {
			worker_pool_free(pool);
			return -err;
		}
		pool->n_threads++;
	}
	*ret = pool;
	return 0;
}

bool worker_pool_push(struct worker_pool *pool, struct worker_job *job)
{
	bool taken;

	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	taken = !pool->stopping;
	if (taken) {
		*pool->last = job;
		pool->last = &job->next;
		pthread_cond_signal(&pool->wake);
	}
	pthread_mutex_unlock(&pool->lock);
	return taken;
}

void worker_pool_stop(struct worker_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pool->n_threads = 0;
}

void worker_pool_free(struct worker_pool *pool)
{
	if (!pool)
		return;
	worker_pool_stop(pool);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
