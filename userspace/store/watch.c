/* One thread per store that calls watchers back, revision after revision, outside any lock. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/watch_priv.h"

#define RETRY_NS 100000000L

/* All fields but the first four are guarded by the hub's lock. */
struct store_watch {
	store_watch_fn changed;
	void *data;
	char *prefix;
	size_t prefix_len;
	uint64_t cursor; /* the last revision it was called for, or is being called for */
	bool busy;       /* being called */
	struct store_watch *next;
};

static void free_watch(struct store_watch *watch)
{
	free(watch->prefix);
	free(watch);
}

static void call_watch(struct store_watch *watch, const struct change *change)
{
	struct store_record events[STORE_OPERATIONS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < change->n; i++) {
		const struct store_record *record = &change->items[i]->record;

		if (strncmp(record->key, watch->prefix, watch->prefix_len) == 0)
			events[n++] = *record;
	}
	watch->changed(change->revision, events, n, watch->data);
}

/* Holding the lock, but not while the watcher runs. */
static void deliver_change(struct watch_hub *hub, struct store_watch *watch,
			   const struct change *change)
{
	watch->cursor = change->revision;
	watch->busy = true;
	pthread_mutex_unlock(&hub->lock);
	call_watch(watch, change);
	pthread_mutex_lock(&hub->lock);
	watch->busy = false;
	pthread_cond_broadcast(&hub->idle);
}

static struct store_watch *find_watch_at(struct watch_hub *hub, uint64_t cursor)
{
	struct store_watch *watch = hub->watches;

	while (watch && watch->cursor != cursor)
		watch = watch->next;
	return watch;
}

/* Watchers come and go while another one runs, so each is looked up anew. */
static void deliver_to_all(struct watch_hub *hub, const struct change *change)
{
	struct store_watch *watch;

	while (!hub->stopping && (watch = find_watch_at(hub, change->revision - 1)))
		deliver_change(hub, watch, change);
}

static uint64_t lowest_cursor(const struct watch_hub *hub)
{
	uint64_t lowest = UINT64_MAX;

	for (const struct store_watch *watch = hub->watches; watch; watch = watch->next)
		if (watch->cursor < lowest)
			lowest = watch->cursor;
	return lowest;
}

static void wait_for_retry(struct watch_hub *hub)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RETRY_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (!hub->stopping && pthread_cond_timedwait(&hub->work, &hub->lock, &until) == 0)
		;
}

/* Holding the lock, but not while loading. */
static void serve_from(struct watch_hub *hub, uint64_t after)
{
	struct change *changes[WATCH_BATCH];
	uint64_t upto = hub->head;
	size_t n = 0;
	int r;

	pthread_mutex_unlock(&hub->lock);
	r = hub->load(hub->store, after, upto, changes, &n);
	pthread_mutex_lock(&hub->lock);
	if (r) {
		/* Leaving a revision out is no choice: watchers wait until it can be read. */
		wait_for_retry(hub);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		assert(changes[i]->revision == after + 1 + i);
		deliver_to_all(hub, changes[i]);
	}
	for (size_t i = 0; i < n; i++)
		change_unref(changes[i]);
}

static void *run_thread(void *data)
{
	struct watch_hub *hub = data;

	pthread_mutex_lock(&hub->lock);
	while (!hub->stopping) {
		uint64_t after = lowest_cursor(hub);

		if (after < hub->head)
			serve_from(hub, after);
		else
			pthread_cond_wait(&hub->work, &hub->lock);
	}
	pthread_mutex_unlock(&hub->lock);
	return NULL;
}

/* Signals are for the threads that asked for them. */
static int start_thread(struct watch_hub *hub)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&hub->thread, NULL, run_thread, hub);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void destroy_locks(struct watch_hub *hub)
{
	pthread_cond_destroy(&hub->idle);
	pthread_cond_destroy(&hub->work);
	pthread_mutex_destroy(&hub->lock);
}

int watch_hub_init(struct watch_hub *hub, struct store *store, watch_load_fn load, uint64_t head)
{
	pthread_condattr_t attr;
	int r;

	*hub = (struct watch_hub){.store = store, .load = load, .head = head};
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&hub->lock, NULL);
	pthread_cond_init(&hub->work, &attr);
	pthread_cond_init(&hub->idle, &attr);
	pthread_condattr_destroy(&attr);
	r = start_thread(hub);
	if (r)
		destroy_locks(hub);
	return r;
}

void watch_hub_done(struct watch_hub *hub)
{
	pthread_mutex_lock(&hub->lock);
	hub->stopping = true;
	pthread_cond_broadcast(&hub->work);
	pthread_mutex_unlock(&hub->lock);
	pthread_join(hub->thread, NULL);
	while (hub->watches) {
		struct store_watch *next = hub->watches->next;

		free_watch(hub->watches);
		hub->watches = next;
	}
	destroy_locks(hub);
}

static struct store_watch *make_watch(const struct watch_request *request)
{
	struct store_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->prefix = strdup(request->prefix);
	if (!watch->prefix) {
		free(watch);
		return NULL;
	}
	watch->prefix_len = strlen(request->prefix);
	watch->changed = request->changed;
	watch->data = request->data;
	watch->cursor = request->from_revision;
	return watch;
}

int watch_hub_add(struct watch_hub *hub, const struct watch_request *request,
		  struct watch_range kept, struct store_watch **ret)
{
	const uint64_t from = request->from_revision;
	struct store_watch *watch;

	/* Ahead of the store: it was put back from a backup, and what the caller knows is void. */
	if (from > kept.newest || (from < kept.newest && from + 1 < kept.oldest))
		return STORE_E_COMPACTED;
	watch = make_watch(request);
	if (!watch)
		return -ENOMEM;
	/* Before the thread can call back, since a callback may look at it. */
	*ret = watch;
	pthread_mutex_lock(&hub->lock);
	watch->next = hub->watches;
	hub->watches = watch;
	pthread_cond_signal(&hub->work);
	pthread_mutex_unlock(&hub->lock);
	return 0;
}

void watch_hub_remove(struct watch_hub *hub, struct store_watch *watch)
{
	struct store_watch **link = &hub->watches;

	assert(!pthread_equal(pthread_self(), hub->thread));
	pthread_mutex_lock(&hub->lock);
	while (*link && *link != watch)
		link = &(*link)->next;
	assert(*link);
	*link = watch->next;
	while (watch->busy)
		pthread_cond_wait(&hub->idle, &hub->lock);
	pthread_mutex_unlock(&hub->lock);
	free_watch(watch);
}

void watch_hub_advance(struct watch_hub *hub, uint64_t head)
{
	pthread_mutex_lock(&hub->lock);
	assert(head >= hub->head);
	hub->head = head;
	pthread_cond_signal(&hub->work);
	pthread_mutex_unlock(&hub->lock);
}

uint64_t watch_hub_first_kept(struct watch_hub *hub, struct watch_range kept)
{
	uint64_t first, lowest;

	if (kept.newest + 1 < kept.oldest + WATCH_KEEP + WATCH_SLACK)
		return kept.oldest;
	first = kept.newest - WATCH_KEEP + 1;
	pthread_mutex_lock(&hub->lock);
	lowest = lowest_cursor(hub);
	pthread_mutex_unlock(&hub->lock);
	/* A watcher that lags still gets all of them. */
	return lowest < first ? lowest + 1 : first;
}
