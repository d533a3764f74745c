/* Starts a service and asks it. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "service/records_priv.h"
#include "service/service_priv.h"
#include "unit/service/rig.h"

enum {
	SETTLE_MS = 10000,
	PACKET_LINES = 1 << 15,
};

uint64_t rig_write(struct rig *rig, const char *name, const char *value)
{
	uint64_t revision;
	struct store_txn txn = {
		.puts = &(struct store_put){name, value, strlen(value)},
		.n_puts = 1,
	};

	assert_int_equal(store_txn(rig->store, &txn, &revision), 0);
	return revision;
}

uint64_t rig_remove(struct rig *rig, const char *name)
{
	struct store_txn txn = {.deletes = &name, .n_deletes = 1};
	uint64_t revision;

	assert_int_equal(store_txn(rig->store, &txn, &revision), 0);
	return revision;
}

void rig_start(struct rig *rig, uint64_t keys_max)
{
	struct service_config config = {
		.store = rig->store,
		.clock = &rig->clock,
		.tenant_keys_max = keys_max,
		.datapath = rig->datapath,
		.journal = rig->journal,
		.ledger = rig->ledger,
		.snapshot_interval_ms = rig->snapshot_interval_ms,
	};

	assert_int_equal(service_new(&config, &rig->error, &rig->service), 0);
}

void rig_stop(struct rig *rig)
{
	service_free(rig->service);
	rig->service = NULL;
}

struct rig *rig_new(struct store *store, uint64_t keys_max)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	clock_init_frozen(&rig->clock);
	rig->store = store;
	if (!store)
		assert_int_equal(store_open_memory(&rig->store), 0);
	rig_write(rig, "tenants/default", "{\"schema\":1,\"number\":0}");
	strcpy(rig->who.tenant, SERVICE_TENANT_DEFAULT);
	rig->who.rights = AUTH_ALL;
	rig->actor.who = &rig->who;
	rig_start(rig, keys_max);
	return rig;
}

void rig_free(struct rig *rig)
{
	service_free(rig->service);
	datapath_close(rig->datapath, false);
	memory_pins_free(rig->pins);
	journal_close(rig->journal);
	ledger_free(rig->ledger);
	store_close(rig->store);
	free(rig);
}

int rig_setup(void **state)
{
	*state = rig_new(NULL, 100000);
	return 0;
}

void rig_open_packets(struct rig *rig)
{
	datapath_close(rig->datapath, false);
	assert_int_equal(datapath_open_memory_at(rig->pins, &rig->datapath), 0);
}

int rig_setup_packets(void **state)
{
	struct rig *rig = rig_new(NULL, 100000);

	rig_stop(rig);
	assert_int_equal(memory_pins_new(PACKET_LINES, &rig->pins), 0);
	rig_open_packets(rig);
	rig_start(rig, 100000);
	*state = rig;
	return 0;
}

int rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

int rig_random(void **state)
{
	return random_init();
}

static struct json_document *parse(struct rig *rig, const char *body)
{
	struct json_document *document;

	assert_int_equal(json_parse(body, strlen(body), &rig->error, &document), 0);
	return document;
}

int rig_create(struct rig *rig, const char *body, struct admin_result *ret)
{
	_cleanup_json_ struct json_document *document = parse(rig, body);

	return admin_limit_create(rig->service, &rig->actor, json_root(document), &rig->error, ret);
}

int rig_update(struct rig *rig, const char *id, const char *body, uint64_t expected_revision,
	       struct admin_result *ret)
{
	_cleanup_json_ struct json_document *document = parse(rig, body);
	struct admin_target target = {id, expected_revision};

	return admin_limit_update(rig->service, &rig->actor, &target, json_root(document),
				  &rig->error, ret);
}

int rig_confirm(struct rig *rig, const char *id, struct admin_result *ret)
{
	return admin_limit_confirm(rig->service, &rig->actor, id, &rig->error, ret);
}

int rig_delete(struct rig *rig, const char *id, uint64_t expected_revision)
{
	struct admin_target target = {id, expected_revision};

	return admin_limit_delete(rig->service, &rig->actor, &target, &rig->error);
}

void rig_add(struct rig *rig, const char *body, char id[ID_SIZE])
{
	struct admin_result result;

	assert_int_equal(rig_create(rig, body, &result), 0);
	memcpy(id, result.limit.id, ID_SIZE);
	limit_done(&result.limit);
}

int rig_ask(struct rig *rig, const char *key, int64_t cost, bool peek, struct check_answer *ret)
{
	struct check_request request = {key, strlen(key), cost, peek};

	return service_check(rig->service, &rig->who, &request, &rig->error, ret);
}

bool rig_allows(struct rig *rig, const char *key, int64_t cost)
{
	struct check_answer answer;

	assert_int_equal(rig_ask(rig, key, cost, false, &answer), 0);
	return answer.allowed;
}

unsigned int rig_count_allowed(struct rig *rig, const char *key, unsigned int n)
{
	unsigned int allowed = 0;

	while (n--)
		allowed += rig_allows(rig, key, 1);
	return allowed;
}

uint64_t rig_write_limit(struct rig *rig, const char *id, const char *body)
{
	return rig_write_limit_of(rig, SERVICE_TENANT_DEFAULT, id, body);
}

uint64_t rig_write_limit_of(struct rig *rig, const char *tenant, const char *id, const char *body)
{
	_cleanup_json_ struct json_document *document = parse(rig, body);
	_cleanup_limit_ struct limit limit;
	_cleanup_buf_ struct buf value;
	char name[RECORD_NAME_SIZE];

	limit_init(&limit);
	buf_init(&value);
	assert_int_equal(limit_parse(json_root(document), &rig->error, &limit), 0);
	limit_date(&limit, clock_utc_ms(&rig->clock));
	strcpy(limit.id, id);
	limit_save(&limit, &value);
	assert_false(value.failed);
	record_limit_name(tenant, id, name);
	return rig_write(rig, name, value.data);
}

void rig_settle(struct rig *rig, uint64_t revision)
{
	assert_int_equal(reconcile_wait(&rig->service->reconcile, revision, SETTLE_MS), 0);
}

static int count_record(const struct store_record *record, void *data)
{
	++*(size_t *)data;
	return 0;
}

size_t rig_count_records(struct rig *rig, const char *prefix)
{
	uint64_t revision;
	size_t n = 0;

	assert_int_equal(store_range(rig->store, prefix, count_record, &n, &revision), 0);
	return n;
}

const struct sluice_rule *rig_rule(struct rig *rig, const char *id)
{
	const struct sluice_tables *tables = memory_tables(rig->pins);

	for (int i = 0; i < SLUICE_RULES_MAX; i++)
		if ((tables->rules >> i & 1) &&
		    strcmp(rig->pins->slots[tables->rule[i].slot].id, id) == 0)
			return &tables->rule[i];
	return NULL;
}

unsigned int rig_rules(struct rig *rig)
{
	return (unsigned int)__builtin_popcountll(memory_tables(rig->pins)->rules);
}
