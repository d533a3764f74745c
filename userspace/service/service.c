/* Puts engine, reconciler and sweeper together and takes them apart again. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "service/service_priv.h"

enum { APPLY_WAIT_MS = 5000 };

static int start_threads(struct service *service)
{
	int r;

	r = sweeper_start(&service->sweeper, service->engine, service->clock, SWEEP_PASS_MS);
	if (r)
		return r;
	r = saver_start(&service->saver);
	if (r) {
		sweeper_stop(&service->sweeper);
		return r;
	}
	r = scribe_start(&service->scribe);
	if (!r)
		r = keeper_start(&service->keeper, service);
	if (!r) {
		r = events_start(&service->events);
		if (r)
			keeper_stop(&service->keeper);
	}
	if (r) {
		scribe_stop(&service->scribe);
		saver_stop(&service->saver);
		sweeper_stop(&service->sweeper);
	}
	return r;
}

static int start_parts(struct service *service, struct field_error *error)
{
	int r;

	r = reconcile_start(&service->reconcile, error);
	if (r)
		return r;
	saver_restore(&service->saver);
	return start_threads(service);
}

static void free_parts(struct service *service)
{
	events_done(&service->events);
	reconcile_done(&service->reconcile);
	saver_done(&service->saver);
	resets_done(&service->resets);
	scribe_done(&service->scribe);
	engine_free(service->engine);
	tally_done(&service->tally);
	free(service);
}

static int init_parts(struct service *service, const struct service_config *config)
{
	struct engine_config engine = {.keys_max = config->tenant_keys_max};
	int r;

	random_bytes(engine.seed, sizeof(engine.seed));
	r = tally_init(&service->tally);
	if (r)
		return r;
	r = engine_new(&engine, &service->engine);
	if (r)
		return r;
	r = reconcile_init(&service->reconcile, config, service->engine);
	if (r) {
		engine_free(service->engine);
		return r;
	}
	resets_init(&service->resets, service->store, service->engine, service->clock,
		    config->journal != NULL);
	saver_init(&service->saver, config, service->engine, &service->resets);
	scribe_init(&service->scribe, config, service);
	events_init(&service->events, service);
	return 0;
}

int service_new(const struct service_config *config, struct field_error *error,
		struct service **ret)
{
	struct service *service;
	int r;

	assert(config->tenant_keys_max > 0);
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->store = config->store;
	service->clock = config->clock;
	service->apply_wait_ms = config->apply_wait_ms ? config->apply_wait_ms : APPLY_WAIT_MS;
	service->packets_needed = config->packets_needed;
	service->keys_max = config->tenant_keys_max;
	atomic_init(&service->about_ms, clock_utc_ms(config->clock));
	r = init_parts(service, config);
	if (r) {
		tally_done(&service->tally);
		free(service);
		return r;
	}
	r = start_parts(service, error);
	if (r) {
		free_parts(service);
		return r;
	}
	*ret = service;
	return 0;
}

void service_free(struct service *service)
{
	if (!service)
		return;
	events_halt(&service->events);
	keeper_stop(&service->keeper);
	sweeper_stop(&service->sweeper);
	saver_stop(&service->saver);
	scribe_stop(&service->scribe);
	free_parts(service);
}

void service_save(struct service *service)
{
	saver_stop(&service->saver);
	scribe_stop(&service->scribe);
}

struct catalog *service_catalog_get(struct service *service)
{
	return (struct catalog *)snapshot_get(&service->reconcile.catalog);
}

const struct catalog *service_catalog_read(struct service *service)
{
	return (const struct catalog *)snapshot_read(&service->reconcile.catalog);
}

void service_catalog_put(struct catalog *catalog)
{
	snapshot_put(&catalog->snapshot);
}

const struct clock *service_clock(struct service *service)
{
	return service->clock;
}

void service_usage(struct service *service, struct engine_usage *ret)
{
	engine_usage(service->engine, ret);
}

void service_set_keys_max(struct service *service, uint64_t keys_max)
{
	assert(keys_max > 0);
	engine_keys_max(service->engine, keys_max);
	atomic_store(&service->keys_max, keys_max);
}

void service_set_snapshot_interval(struct service *service, uint32_t interval_ms)
{
	saver_set_interval(&service->saver, interval_ms);
	scribe_set_interval(&service->scribe, interval_ms);
}

void service_set_keep(struct service *service, uint64_t audit_ms, uint64_t usage_ms)
{
	scribe_set_keep(&service->scribe, audit_ms, usage_ms);
}

void service_refusals(struct service *service, struct service_refusals *ret)
{
	struct reconcile *reconcile = &service->reconcile;

	pthread_mutex_lock(&reconcile->lock);
	*ret = reconcile->refusals;
	pthread_mutex_unlock(&reconcile->lock);
}

const char *service_store_trouble(struct service *service)
{
	return store_trouble(service->store);
}

void service_snapshots(struct service *service, struct service_snapshots *ret)
{
	saver_state(&service->saver, ret);
}

void service_taken_back(struct service *service, struct service_taken_back *ret)
{
	struct keeper *keeper = &service->keeper;

	pthread_mutex_lock(&keeper->lock);
	*ret = keeper->taken;
	pthread_mutex_unlock(&keeper->lock);
}
