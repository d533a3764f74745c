/* The watchers of one store and the thread that calls them back, shared by all backends. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "store/change_priv.h"

enum {
	WATCH_KEEP = 10000, /* revisions that a backend keeps for watchers to catch up */
	WATCH_SLACK = 1000, /* more than that before it trims, so that trimming is rare */
	WATCH_BATCH = 64,   /* revisions loaded at a time */
};

/*
 * The backend's part: the changes of revisions after + 1, after + 2, ... not beyond `upto`, at
 * least one and at most WATCH_BATCH, without a gap; the hub unrefs them. Called on the watch
 * thread without the hub's lock. On -errno the hub tries again a little later.
 */
typedef int (*watch_load_fn)(struct store *store, uint64_t after, uint64_t upto,
			     struct change *changes[WATCH_BATCH], size_t *ret_n);

/*
 * Each watcher has a cursor; what it has not seen yet is loaded from the backend's history. So a
 * slow watcher costs no memory here and makes no transaction wait. A backend's own lock may be
 * held around any call but init and done; the hub never takes one while it holds its own.
 */
struct watch_hub {
	struct store *store;
	watch_load_fn load;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below, never held during a callback or a load */
	pthread_cond_t work;  /* new revisions, new watchers, stopping */
	pthread_cond_t idle;  /* a callback returned */
	struct store_watch *watches;
	uint64_t head; /* the newest acknowledged revision */
	bool stopping;
};

/* 0 or -errno. */
int watch_hub_init(struct watch_hub *hub, struct store *store, watch_load_fn load, uint64_t head);
/* Waits for a callback that runs, then ends all watches. */
void watch_hub_done(struct watch_hub *hub);

/*
 * oldest and newest are the revisions kept by the backend (oldest > newest: none); they must not
 * move during the call: the backend holds its write lock.
 */
struct watch_range {
	uint64_t oldest;
	uint64_t newest;
};
/* The arguments of store_watch(). */
struct watch_request {
	const char *prefix;
	uint64_t from_revision;
	store_watch_fn changed;
	void *data;
};
int watch_hub_add(struct watch_hub *hub, const struct watch_request *request,
		  struct watch_range kept, struct store_watch **ret);
void watch_hub_remove(struct watch_hub *hub, struct store_watch *watch);

/* Revisions up to head are durable and can be loaded: wakes the thread, calls nobody. */
void watch_hub_advance(struct watch_hub *hub, uint64_t head);
/* The first revision worth keeping: kept.oldest as long as there is no need to trim. */
uint64_t watch_hub_first_kept(struct watch_hub *hub, struct watch_range kept);
