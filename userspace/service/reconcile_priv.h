/* Carries the store's records into the engine and the catalog, first all, then each change. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

#include "service/packets_priv.h"
#include "service/service.h"

struct tenant {
	char id[TENANT_ID_SIZE];
	uint32_t number;
};

struct reconcile {
	struct store *store; /* borrowed, as are the next two */
	const struct clock *clock;
	struct engine *engine;
	struct packets packets;
	struct snapshot_cell catalog;
	struct store_watch *watch;

	/* Written by reconcile_start, then by the store's watch thread only; read by others under
	 * the lock. */
	struct tenant *tenants;
	size_t n_tenants;

	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t reached; /* revision grew, or stalled */
	uint64_t revision;      /* all changes up to this one are in force */
	bool stalled;           /* memory ran out: no later change is taken over */
	struct service_refusals refusals;
};

/* Reads store, clock and datapath of config. 0 or -errno, and then there is nothing to be done. */
int reconcile_init(struct reconcile *reconcile, const struct service_config *config,
		   struct engine *engine);
/* Loads everything and begins to watch. As service_new(). */
int reconcile_start(struct reconcile *reconcile, struct field_error *error);
/* Ends the watch if there is one. */
void reconcile_done(struct reconcile *reconcile);

/* Waits until all changes up to `revision` are in force. 0 or -ETIMEDOUT. */
int reconcile_wait(struct reconcile *reconcile, uint64_t revision, uint32_t timeout_ms);

/* Whose number that is. 0 or -ENOENT. */
int reconcile_tenant(struct reconcile *reconcile, uint32_t number, char ret_id[TENANT_ID_SIZE]);

/* Puts a catalog's packet limits in force and notes what was refused. The caller holds
 * packets.calls until that catalog is published. */
void reconcile_apply_packets(struct reconcile *reconcile, const struct catalog *catalog);
/* The same for the published catalog. */
void reconcile_retry_packets(struct reconcile *reconcile);
