/* Deletes what is due by the service's clock, and tries again what has failed. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/admin.h"
#include "service/keeper_priv.h"
#include "service/service_priv.h"
#include "service/wake_priv.h"

#define NS_PER_MS 1000000ULL

enum { RETRY_MS = 1000 };

/* The limit that has been due for longest. */
struct due {
	uint64_t now_ms;
	uint64_t by_ms; /* UINT64_MAX: none waits */
	uint32_t tenant_number;
	char id[ID_SIZE];
	uint64_t revision;
};

static int find_earlier(const struct limit_entry *entry, void *data)
{
	const struct limit *limit = &entry->limit;
	struct due *due = data;
	uint64_t by_ms = limit_due_ms(limit, due->now_ms);

	if (by_ms >= due->by_ms)
		return 0;
	due->by_ms = by_ms;
	due->tenant_number = entry->tenant_number;
	due->revision = limit->revision;
	memcpy(due->id, limit->id, ID_SIZE);
	return 0;
}

static struct due find_due(const struct catalog *catalog, uint64_t now_ms)
{
	struct due due = {.now_ms = now_ms, .by_ms = UINT64_MAX};

	if (limit_table_unconfirmed(catalog->limits) > 0)
		limit_table_visit(catalog->limits, find_earlier, &due);
	return due;
}

/*
 * Exactly the version that was seen: one that was confirmed or changed since is looked at anew. What
 * fails is tried again after a rest.
 */
static void take_back(struct keeper *keeper, const struct due *due)
{
	struct principal who = {.key_id = "keeper", .tenant_number = due->tenant_number};
	const struct actor actor = {.who = &who};
	struct admin_target target = {due->id, due->revision};
	struct field_error error;
	int r;

	if (reconcile_tenant(&keeper->service->reconcile, due->tenant_number, who.tenant))
		return;
	r = admin_limit_expire(keeper->service, &actor, &target, &error);
	if (r) {
		keeper->rest_until_ns = monotonic_ns() + RETRY_MS * NS_PER_MS;
		return;
	}
	pthread_mutex_lock(&keeper->lock);
	keeper->taken.count++;
	memcpy(keeper->taken.last_id, due->id, ID_SIZE);
	pthread_mutex_unlock(&keeper->lock);
}

/* One limit a step when many are due: each is a transaction, and stopping must not wait for all. */
static bool take_back_next(struct keeper *keeper)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(keeper->service);
	uint64_t now_ms = clock_utc_ms(keeper->service->clock);
	struct due due;

	if (catalog->revision == keeper->revision && now_ms < keeper->due_ms)
		return false;
	due = find_due(catalog, now_ms);
	keeper->revision = catalog->revision;
	keeper->due_ms = due.by_ms;
	if (now_ms < due.by_ms)
		return false;
	take_back(keeper, &due);
	return true;
}

static void retry_packets(struct service *service)
{
	struct packets *packets = &service->reconcile.packets;

	if (!atomic_load(&packets->fault))
		return;
	pthread_mutex_lock(&packets->calls);
	reconcile_retry_packets(&service->reconcile);
	pthread_mutex_unlock(&packets->calls);
}

/* True when it is time to stop. */
static bool rest(struct keeper *keeper, uint64_t ms)
{
	uint64_t until_ns = monotonic_ns() + ms * NS_PER_MS;
	bool stop;
	int r = 0;

	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stop && r == 0)
		r = wake_wait(&keeper->wake, &keeper->lock, until_ns);
	stop = keeper->stop;
	pthread_mutex_unlock(&keeper->lock);
	return stop;
}

static void *run_keeper(void *data)
{
	struct keeper *keeper = data;
	uint64_t retry_at_ns = 0, now_ns;
	bool more = false;

	while (!rest(keeper, more ? 0 : KEEPER_STEP_MS)) {
		atomic_store_explicit(&keeper->service->about_ms,
				      clock_utc_ms(keeper->service->clock), memory_order_relaxed);
		now_ns = monotonic_ns();
		more = now_ns >= keeper->rest_until_ns && take_back_next(keeper);
		if (now_ns < retry_at_ns)
			continue;
		retry_packets(keeper->service);
		store_probe(keeper->service->store);
		retry_at_ns = now_ns + RETRY_MS * NS_PER_MS;
	}
	return NULL;
}

int keeper_start(struct keeper *keeper, struct service *service)
{
	int err;

	*keeper = (struct keeper){.service = service};
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_cond_init(&keeper->wake, NULL);
	err = pthread_create(&keeper->thread, NULL, run_keeper, keeper);
	if (!err) {
		pthread_setname_np(keeper->thread, "keeper");
		return 0;
	}
	pthread_cond_destroy(&keeper->wake);
	pthread_mutex_destroy(&keeper->lock);
	return -err;
}

void keeper_stop(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->stop = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	pthread_cond_destroy(&keeper->wake);
	pthread_mutex_destroy(&keeper->lock);
}
