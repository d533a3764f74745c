/* Turns records into changes of the engine, limits of a catalog and keys of a keyring. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/catalog_priv.h"
#include "service/draft_priv.h"
#include "service/records_priv.h"

int draft_init(struct draft *draft, struct reconcile *reconcile)
{
	struct catalog *former = (struct catalog *)snapshot_get(&reconcile->catalog);
	int r;

	*draft = (struct draft){.reconcile = reconcile};
	if (!former)
		return limit_table_new(&draft->limits);
	r = limit_table_copy(former->limits, &draft->limits);
	service_catalog_put(former);
	return r;
}

void draft_done(struct draft *draft)
{
	for (size_t i = 0; i < draft->n_changes; i++)
		limit_entry_unref(draft->entries[i]);
	free(draft->entries);
	free(draft->changes);
	free(draft->keys);
	limit_table_free(draft->limits);
}

static const struct tenant *find_tenant(const struct reconcile *reconcile, const char *id)
{
	for (size_t i = 0; i < reconcile->n_tenants; i++)
		if (strcmp(reconcile->tenants[i].id, id) == 0)
			return &reconcile->tenants[i];
	return NULL;
}

static int add_tenant(struct reconcile *reconcile, const char *id, uint32_t number,
		      struct field_error *error)
{
	struct tenant *tenants;

	for (size_t i = 0; i < reconcile->n_tenants; i++) {
		if (reconcile->tenants[i].number != number)
			continue;
		field_error_set(error, "number", "is that of tenant %s", reconcile->tenants[i].id);
		return RECORD_E_INVALID;
	}
	pthread_mutex_lock(&reconcile->lock);
	tenants = reallocarray(reconcile->tenants, reconcile->n_tenants + 1, sizeof(*tenants));
	if (tenants) {
		reconcile->tenants = tenants;
		tenants[reconcile->n_tenants].number = number;
		memcpy(tenants[reconcile->n_tenants].id, id, TENANT_ID_SIZE);
		reconcile->n_tenants++;
	}
	pthread_mutex_unlock(&reconcile->lock);
	return tenants ? 0 : -ENOMEM;
}

/* Buckets are counted under a tenant's number, so it stays what it was, and stays. */
static int take_tenant(struct draft *draft, const struct store_record *record,
		       const struct record_name *name, struct field_error *error)
{
	const struct tenant *known = find_tenant(draft->reconcile, name->tenant);
	uint32_t number;
	int r;

	if (!record->value) {
		if (!known)
			return 0;
		field_error_set(error, "", "is gone, but a tenant cannot be deleted");
		return RECORD_E_INVALID;
	}
	r = record_tenant_load(record, error, &number);
	if (r)
		return r;
	if (!known)
		return add_tenant(draft->reconcile, name->tenant, number, error);
	if (known->number == number)
		return 0;
	field_error_set(error, "number", "must stay %u", known->number);
	return RECORD_E_INVALID;
}

static int reserve_change(struct draft *draft)
{
	size_t room = draft->room ? 2 * draft->room : 4;
	struct engine_change *changes;
	struct limit_entry **entries;

	if (draft->n_changes < draft->room)
		return 0;
	changes = reallocarray(draft->changes, room, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	draft->changes = changes;
	entries = reallocarray(draft->entries, room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	draft->entries = entries;
	draft->room = room;
	return 0;
}

static void add_change(struct draft *draft, int op, struct limit_entry *entry,
		       const struct sluice_params *params)
{
	struct engine_change *change = &draft->changes[draft->n_changes];

	*change = (struct engine_change){
		.op = op,
		.limit =
			{
				.id = entry->limit.id,
				.tenant = entry->tenant_number,
				.mode = entry->limit.mode,
				.pattern = entry->limit.key,
				.pattern_len = entry->limit.key_len,
			},
	};
	if (params)
		change->limit.params = *params;
	draft->entries[draft->n_changes++] = limit_entry_ref(entry);
}

/* What the table no longer holds has to go where it was counted. */
static void add_removal(struct draft *draft, struct limit_entry *entry)
{
	if (entry->limit.scope == LIMIT_SCOPE_PACKET)
		draft->packets_changed = true;
	else
		add_change(draft, ENGINE_DELETE, entry, NULL);
}

static int remove_limit(struct draft *draft, uint32_t tenant_number, const char *id)
{
	_cleanup_entry_ struct limit_entry *entry = NULL;
	int r;

	entry = limit_table_find(draft->limits, tenant_number, id);
	if (!entry)
		return 0;
	limit_entry_ref(entry);
	r = limit_table_remove(draft->limits, tenant_number, id);
	if (r)
		return r;
	add_removal(draft, entry);
	return 0;
}

static int put_limit(struct draft *draft, uint32_t tenant_number, struct limit *limit,
		     struct field_error *error)
{
	_cleanup_entry_ struct limit_entry *entry = NULL;
	_cleanup_entry_ struct limit_entry *former = NULL;
	struct sluice_params params;
	bool exact;
	int r;

	if (limit->scope == LIMIT_SCOPE_REQUEST &&
	    engine_pattern_check(limit->key, limit->key_len, &exact)) {
		field_error_set(error, "key", "is no pattern");
		return RECORD_E_INVALID;
	}
	r = limit_compile(limit, draft->reconcile->clock->utc_offset_ns, error, &params);
	if (r)
		return r < 0 ? r : RECORD_E_INVALID;
	entry = limit_entry_new(tenant_number, limit);
	if (!entry)
		return -ENOMEM;
	former = limit_table_find(draft->limits, tenant_number, entry->limit.id);
	if (former)
		limit_entry_ref(former);
	r = limit_table_put(draft->limits, entry);
	if (r)
		return r;
	if (former && former->limit.scope != entry->limit.scope)
		add_removal(draft, former);
	if (entry->limit.scope == LIMIT_SCOPE_PACKET)
		draft->packets_changed = true;
	else
		add_change(draft, ENGINE_PUT, entry, &params);
	return 0;
}

static int take_limit(struct draft *draft, const struct store_record *record,
		      const struct record_name *name, struct field_error *error)
{
	const struct tenant *tenant = find_tenant(draft->reconcile, name->tenant);
	_cleanup_limit_ struct limit limit;
	int r;

	limit_init(&limit);
	r = reserve_change(draft);
	if (r)
		return r;
	if (!record->value)
		return tenant ? remove_limit(draft, tenant->number, name->id) : 0;
	if (!tenant) {
		field_error_set(error, "", "lies under a tenant that does not exist");
		return RECORD_E_INVALID;
	}
	r = record_limit_load(record, name, error, &limit);
	if (r)
		return r;
	return put_limit(draft, tenant->number, &limit, error);
}

static int take_key(struct draft *draft, const struct store_record *record,
		    const struct record_name *name, struct field_error *error)
{
	const struct tenant *tenant = find_tenant(draft->reconcile, name->tenant);
	struct keyring_entry entry;
	int r;

	if (!record->value)
		return draft_remove_key(draft, name->tenant, name->id);
	if (!tenant) {
		field_error_set(error, "", "lies under a tenant that does not exist");
		return RECORD_E_INVALID;
	}
	r = record_api_key_load(record, name, error, &entry.key);
	if (r)
		return r;
	entry.tenant_number = tenant->number;
	return draft_put_key(draft, &entry, error);
}

/* Subjects are read by admin calls, users by the dashboard's door: the service keeps neither. */
static int take_record(struct draft *draft, const struct store_record *record,
		       struct field_error *error)
{
	struct record_name name;

	if (record_name_parse(record->key, &name)) {
		field_error_set(error, "", "is not named like a record");
		return RECORD_E_INVALID;
	}
	switch (name.kind) {
	case RECORD_TENANT:
		return take_tenant(draft, record, &name, error);
	case RECORD_LIMIT:
		return take_limit(draft, record, &name, error);
	case RECORD_API_KEY:
		return take_key(draft, record, &name, error);
	default:
		return 0;
	}
}

int draft_take(struct draft *draft, const struct store_record *record, struct field_error *error)
{
	struct field_error inner = {0};
	int r;

	r = take_record(draft, record, &inner);
	if (r > 0)
		field_error_set(error, record->key, "%s%s%s", inner.field,
				inner.field[0] ? " " : "", inner.message);
	return r;
}

static int build_catalog(struct draft *draft, uint64_t revision, struct catalog **ret)
{
	struct catalog *former = (struct catalog *)snapshot_get(&draft->reconcile->catalog);
	struct keyring *keyring = NULL;
	int r = 0;

	if (former && !draft->keys)
		keyring = keyring_ref(former->keyring);
	else
		r = keyring_new(draft->keys, draft->n_keys, &keyring);
	if (former)
		service_catalog_put(former);
	if (r)
		return r;
	*ret = catalog_new(revision, TAKE_PTR(draft->limits), keyring);
	return *ret ? 0 : -ENOMEM;
}

bool draft_changed(const struct draft *draft)
{
	return draft->n_changes > 0 || draft->keys || draft->packets_changed;
}

/* Packets first, since only they can be taken back without memory. */
static int apply_changes(struct draft *draft, const struct catalog *catalog)
{
	struct reconcile *reconcile = draft->reconcile;
	int r;

	if (draft->packets_changed)
		reconcile_apply_packets(reconcile, catalog);
	if (draft->n_changes == 0)
		return 0;
	r = engine_apply(reconcile->engine, draft->changes, draft->n_changes,
			 clock_now_ns(reconcile->clock));
	/* Each change was checked against the engine's rules and the table it mirrors. */
	assert(r <= 0);
	if (r && draft->packets_changed)
		reconcile_retry_packets(reconcile);
	return r;
}

static int publish_catalog(struct draft *draft, struct catalog *catalog)
{
	struct reconcile *reconcile = draft->reconcile;
	int r;

	r = apply_changes(draft, catalog);
	if (r) {
		service_catalog_put(catalog);
		return r;
	}
	snapshot_publish(&reconcile->catalog, &catalog->snapshot);
	return 0;
}

int draft_publish(struct draft *draft, uint64_t revision)
{
	struct packets *packets = &draft->reconcile->packets;
	struct catalog *catalog;
	int r;

	r = build_catalog(draft, revision, &catalog);
	if (r)
		return r;
	pthread_mutex_lock(&packets->calls);
	r = publish_catalog(draft, catalog);
	pthread_mutex_unlock(&packets->calls);
	return r;
}
