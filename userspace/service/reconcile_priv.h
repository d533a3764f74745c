/* Carries the store's records into the engine and the catalog, first all, then each change. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

#include "service/service.h"

struct tenant {
	char id[TENANT_ID_SIZE];
	uint32_t number;
};

/* API keys sorted by tenant and id. */
struct key_set {
	struct keyring_entry *at;
	size_t n;
};

struct reconcile {
	struct store *store; /* borrowed, as are the next two */
	const struct clock *clock;
	struct engine *engine;
	struct snapshot_cell catalog;
	struct store_watch *watch;

	/* Touched by reconcile_start, then by the store's watch thread only. */
	struct tenant *tenants;
	size_t n_tenants;
	struct key_set keys;

	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t reached; /* revision grew, or stalled */
	uint64_t revision;      /* all changes up to this one are in force */
	bool stalled;           /* memory ran out: no later change is taken over */
	struct service_refusals refusals;
};

/* 0 or -errno, and then there is nothing to be done. */
int reconcile_init(struct reconcile *reconcile, struct store *store, const struct clock *clock,
		   struct engine *engine);
/* Loads everything and begins to watch. As service_new(). */
int reconcile_start(struct reconcile *reconcile, struct field_error *error);
/* Ends the watch if there is one. */
void reconcile_done(struct reconcile *reconcile);

/* Waits until all changes up to `revision` are in force. 0 or -ETIMEDOUT. */
int reconcile_wait(struct reconcile *reconcile, uint64_t revision, uint32_t timeout_ms);
