/* Ranges over the store once, then applies what its watch reports, and says how far that is. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/draft_priv.h"
#include "service/records_priv.h"
#include "service/wake_priv.h"

#define NS_PER_MS 1000000ULL

int reconcile_init(struct reconcile *reconcile, const struct service_config *config,
		   struct engine *engine)
{
	int err;

	*reconcile = (struct reconcile){
		.store = config->store,
		.clock = config->clock,
		.engine = engine,
	};
	err = snapshot_cell_init(&reconcile->catalog);
	if (err)
		return err;
	packets_init(&reconcile->packets, config->datapath, config->clock);
	pthread_mutex_init(&reconcile->lock, NULL);
	pthread_cond_init(&reconcile->reached, NULL);
	return 0;
}

void reconcile_done(struct reconcile *reconcile)
{
	if (reconcile->watch)
		store_unwatch(reconcile->store, reconcile->watch);
	snapshot_cell_done(&reconcile->catalog);
	packets_done(&reconcile->packets);
	pthread_cond_destroy(&reconcile->reached);
	pthread_mutex_destroy(&reconcile->lock);
	free(reconcile->tenants);
}

static void note_progress(struct reconcile *reconcile, uint64_t revision, bool stalled)
{
	pthread_mutex_lock(&reconcile->lock);
	if (stalled)
		reconcile->stalled = true;
	else
		reconcile->revision = revision;
	pthread_cond_broadcast(&reconcile->reached);
	pthread_mutex_unlock(&reconcile->lock);
}

static void note_refusal(struct reconcile *reconcile, const struct field_error *error)
{
	pthread_mutex_lock(&reconcile->lock);
	reconcile->refusals.count++;
	reconcile->refusals.last = *error;
	pthread_mutex_unlock(&reconcile->lock);
}

int reconcile_tenant(struct reconcile *reconcile, uint32_t number, char ret_id[TENANT_ID_SIZE])
{
	int r = -ENOENT;

	pthread_mutex_lock(&reconcile->lock);
	for (size_t i = 0; i < reconcile->n_tenants && r; i++) {
		if (reconcile->tenants[i].number != number)
			continue;
		memcpy(ret_id, reconcile->tenants[i].id, TENANT_ID_SIZE);
		r = 0;
	}
	pthread_mutex_unlock(&reconcile->lock);
	return r;
}

void reconcile_apply_packets(struct reconcile *reconcile, const struct catalog *catalog)
{
	struct packets_refusal refusal;
	char tenant[TENANT_ID_SIZE], name[RECORD_NAME_SIZE];
	struct field_error error;

	packets_apply(&reconcile->packets, catalog->limits, &refusal);
	if (!refusal.id[0] || reconcile_tenant(reconcile, refusal.tenant_number, tenant))
		return;
	record_limit_name(tenant, refusal.id, name);
	field_error_set(&error, name, "%s", refusal.why.message);
	note_refusal(reconcile, &error);
}

void reconcile_retry_packets(struct reconcile *reconcile)
{
	struct catalog *catalog = (struct catalog *)snapshot_get(&reconcile->catalog);

	if (!catalog)
		return;
	reconcile_apply_packets(reconcile, catalog);
	service_catalog_put(catalog);
}

/* Tenants first: a transaction may make one and records under it in any order. */
static int take_events(struct draft *draft, const struct store_record *events, size_t n,
		       bool tenants)
{
	struct reconcile *reconcile = draft->reconcile;
	struct field_error error;
	struct record_name name;
	int r;

	for (size_t i = 0; i < n; i++) {
		bool is_tenant =
			record_name_parse(events[i].key, &name) == 0 && name.kind == RECORD_TENANT;

		if (is_tenant != tenants)
			continue;
		r = draft_take(draft, &events[i], &error);
		if (r < 0)
			return r;
		if (r > 0)
			note_refusal(reconcile, &error);
	}
	return 0;
}

static int apply_events(struct reconcile *reconcile, uint64_t revision,
			const struct store_record *events, size_t n)
{
	_cleanup_draft_ struct draft draft = {0};
	int r;

	r = draft_init(&draft, reconcile);
	if (r)
		return r;
	r = take_events(&draft, events, n, true);
	if (r)
		return r;
	r = take_events(&draft, events, n, false);
	if (r)
		return r;
	if (!draft_changed(&draft))
		return 0;
	return draft_publish(&draft, revision);
}

/* On the store's watch thread. */
static void store_changed(uint64_t revision, const struct store_record *events, size_t n,
			  void *data)
{
	struct reconcile *reconcile = data;
	int r = 0;

	/* Only this thread sets it. A change left out would make every later one a wrong state. */
	if (reconcile->stalled)
		return;
	if (n > 0)
		r = apply_events(reconcile, revision, events, n);
	note_progress(reconcile, revision, r != 0);
}

struct load {
	struct draft *draft;
	struct field_error *error;
};

static int load_record(const struct store_record *record, void *data)
{
	struct load *load = data;
	int r;

	r = draft_take(load->draft, record, load->error);
	return r > 0 ? MODEL_E_INVALID : r;
}

int reconcile_start(struct reconcile *reconcile, struct field_error *error)
{
	_cleanup_draft_ struct draft draft = {0};
	struct load load = {&draft, error};
	uint64_t revision;
	int r;

	r = draft_init(&draft, reconcile);
	if (r)
		return r;
	/* Also without any: an earlier controller may have left limits in force that are gone. */
	draft.packets_changed = reconcile->packets.datapath != NULL;
	r = store_range(reconcile->store, RECORD_ROOT, load_record, &load, &revision);
	if (r)
		return r;
	r = draft_publish(&draft, revision);
	if (r)
		return r;
	reconcile->revision = revision;
	return store_watch(reconcile->store, RECORD_ROOT, revision, store_changed, reconcile,
			   &reconcile->watch);
}

int reconcile_wait(struct reconcile *reconcile, uint64_t revision, uint32_t timeout_ms)
{
	uint64_t until_ns = monotonic_ns() + timeout_ms * NS_PER_MS;
	bool reached;
	int r = 0;

	pthread_mutex_lock(&reconcile->lock);
	while (reconcile->revision < revision && !reconcile->stalled && r == 0)
		r = wake_wait(&reconcile->reached, &reconcile->lock, until_ns);
	reached = reconcile->revision >= revision;
	pthread_mutex_unlock(&reconcile->lock);
	return reached ? 0 : -ETIMEDOUT;
}
