/* The store's records reach the engine: all at start, each change by watch. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/records_priv.h"
#include "unit/service/rig.h"

static uint64_t write_limit(struct rig *rig, const char *id, const char *key, uint64_t n)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"key\":\"%s\",\"limit\":%llu,\"interval\":\"1m\"}", key,
		 (unsigned long long)n);
	return rig_write_limit(rig, id, body);
}

static void record_of_other_hands_reaches_engine(void **state)
{
	struct rig *rig = *state;
	_cleanup_catalog_ struct catalog *catalog = NULL;
	uint64_t revision = write_limit(rig, "lim_other", "k", 3);

	rig_settle(rig, revision);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	catalog = service_catalog_get(rig->service);
	assert_int_equal(catalog_find(catalog, 0, "lim_other")->revision, revision);
	rig_settle(rig, write_limit(rig, "lim_other", "k", 5));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 2);
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_other"));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 9);
}

static void record_removed_that_never_was_is_no_matter(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;

	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_none"));
	rig_settle(rig, rig_write(rig, "tenants/default/sessions/x", "of a later version"));
	rig_settle(rig, rig_write(rig, "elsewhere", "not ours"));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 0);
}

static void api_key_written_and_removed_changes_keyring(void **state)
{
	static const char token[] = "a-token-made-by-other-hands";
	struct rig *rig = *state;
	struct api_key key = {.id = "key_x", .tenant = "default", .rights = AUTH_LIMITS_READ};
	struct catalog *catalog;
	struct principal who;
	_cleanup_buf_ struct buf value;

	buf_init(&value);
	auth_digest(token, strlen(token), key.digest);
	api_key_save(&key, &value);
	rig_settle(rig, rig_write(rig, "tenants/default/api_keys/key_x", value.data));
	/* A change of limits shares the keyring. */
	rig_settle(rig, write_limit(rig, "lim_a", "k", 3));
	catalog = service_catalog_get(rig->service);
	assert_int_equal(keyring_find(catalog->keyring, token, strlen(token), &who), 0);
	assert_string_equal(who.key_id, "key_x");
	assert_int_equal(who.rights, AUTH_LIMITS_READ);
	service_catalog_put(catalog);

	rig_settle(rig, rig_remove(rig, "tenants/default/api_keys/key_x"));
	catalog = service_catalog_get(rig->service);
	assert_int_equal(keyring_find(catalog->keyring, token, strlen(token), &who),
			 AUTH_E_UNKNOWN);
	service_catalog_put(catalog);
}

static void record_damaged_while_running_keeps_former(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	char reason[SERVICE_REASON_SIZE];

	rig_settle(rig, write_limit(rig, "lim_a", "k", 3));
	rig_settle(rig, rig_write(rig, "tenants/default/limits/lim_a", "{\"schema\":99}"));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 1);
	assert_string_equal(refusals.last.field, "tenants/default/limits/lim_a");
	assert_non_null(strstr(refusals.last.message, "schema"));
	assert_true(service_ready(rig->service, reason));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	rig_settle(rig, write_limit(rig, "lim_a", "k", 4));
	assert_int_equal(rig_count_allowed(rig, "k", 9), 1);
}

/* One transaction: the damaged one is left out, the others count. */
static void record_damaged_beside_sound_ones_stands_alone(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	_cleanup_buf_ struct buf value;
	uint64_t revision;

	buf_init(&value);
	rig_settle(rig, write_limit(rig, "lim_a", "a", 3));
	write_limit(rig, "lim_b", "b", 3);
	assert_int_equal(
		record_fetch(rig->store, "tenants/default/limits/lim_b", &value, &revision), 0);
	rig_settle(rig, rig_remove(rig, "tenants/default/limits/lim_b"));
	struct store_put puts[] = {
		{"tenants/default/limits/lim_0", "{", 1},
		{"tenants/new/limits/lim_b", value.data, value.len},
		{"tenants/default/limits/lim_z", "[]", 2},
		/* After its own limit in the transaction. */
		{"tenants/new", "{\"schema\":1,\"number\":5}", 23},
	};
	const char *gone = "tenants/default/limits/lim_a";
	struct store_txn txn = {.puts = puts, .n_puts = 4, .deletes = &gone, .n_deletes = 1};

	assert_int_equal(store_txn(rig->store, &txn, &revision), 0);
	rig_settle(rig, revision);
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 2);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 9);
	assert_int_equal(rig_count_allowed(rig, "b", 9), 9);
	rig->who.tenant_number = 5;
	assert_int_equal(rig_count_allowed(rig, "b", 9), 3);
}

static void record_misplaced_is_refused(void **state)
{
	static const struct {
		const char *name;
		const char *value;
	} rows[] = {
		{"tenants/default", "{\"schema\":1,\"number\":3}"}, /* numbers stay */
		{"tenants/second", "{\"schema\":1,\"number\":0}"},  /* taken */
		{"tenants/second", "{\"schema\":1,\"number\":-1}"},
		{"tenants/second", "{\"number\":2}"},
		{"tenants/a-name-of-32-characters-or-longer", "{\"schema\":1,\"number\":4}"},
		{"tenants/stranger/limits/lim_a", "{}"},
		{"tenants/stranger/api_keys/key_a", "{}"},
		{"tenants/default/api_keys/key_a", "{}"},
	};
	struct rig *rig = *state;
	struct service_refusals refusals;
	_cleanup_buf_ struct buf value;
	uint64_t revision;

	buf_init(&value);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rig_settle(rig, rig_write(rig, rows[i].name, rows[i].value));
		service_refusals(rig->service, &refusals);
		assert_int_equal(refusals.count, i + 1);
		assert_string_equal(refusals.last.field, rows[i].name);
	}
	rig_settle(rig, rig_remove(rig, "tenants/default"));
	rig_settle(rig, write_limit(rig, "lim_a", "k", 3));
	assert_int_equal(
		record_fetch(rig->store, "tenants/default/limits/lim_a", &value, &revision), 0);
	rig_settle(rig, rig_write(rig, "tenants/default/limits/lim_b", value.data));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, sizeof(rows) / sizeof(rows[0]) + 2);
	assert_string_equal(refusals.last.field, "tenants/default/limits/lim_b");
}

static void start_with_damaged_record_is_refused_naming_it(void **state)
{
	static const struct {
		const char *name;
		const char *value;
	} rows[] = {
		{"tenants/default/limits/lim_bad", "{"},
		{"tenants/default/limits/lim_bad", "{\"schema\":99}"},
		{"tenants/default/api_keys/key_bad", "{\"schema\":1}"},
		{"tenants/other", "{\"schema\":2,\"number\":1}"},
		{"tenants/nobody/limits/lim_a", "{}"},
	};
	struct rig *rig = *state;
	struct service_config config = {
		.store = rig->store,
		.clock = &rig->clock,
		.tenant_keys_max = 10,
	};
	struct service *service = NULL;

	rig_settle(rig, write_limit(rig, "lim_a", "k", 3));
	rig_stop(rig);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rig_write(rig, rows[i].name, rows[i].value);
		assert_int_equal(service_new(&config, &rig->error, &service), MODEL_E_INVALID);
		assert_null(service);
		assert_string_equal(rig->error.field, rows[i].name);
		assert_true(rig->error.message[0]);
		rig_remove(rig, rows[i].name);
	}
	rig_start(rig, 10);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
}

static void start_finds_many_in_order(void **state)
{
	const struct limit *page[7];
	struct rig *rig = *state;
	struct catalog *catalog;
	char id[ID_SIZE], key[16];
	const char *after = NULL;
	size_t n, total = 0;

	rig_stop(rig);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "lim_%03d", i * 7 % 300);
		snprintf(key, sizeof(key), "key%d", i);
		write_limit(rig, id, key, 1);
	}
	rig_start(rig, 1000);
	catalog = service_catalog_get(rig->service);
	assert_int_equal(catalog_count(catalog, 0), 300);
	while ((n = catalog_page(catalog, 0, after, page, 7)) > 0) {
		for (size_t i = 0; i < n; i++) {
			snprintf(id, sizeof(id), "lim_%03zu", total++);
			assert_string_equal(page[i]->id, id);
		}
		after = page[n - 1]->id;
	}
	assert_int_equal(total, 300);
	service_catalog_put(catalog);
	assert_int_equal(rig_count_allowed(rig, "key299", 5), 1);
}

static void remove_dir(const char *dir)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock"};
	char path[64];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s/store%s", dir, suffixes[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void restart_on_sqlite_finds_all(void **state)
{
	char dir[] = "/tmp/sluice-service-XXXXXX";
	struct field_error error;
	struct admin_result result;
	struct store *store;
	struct rig *rig;
	char path[64], first[ID_SIZE], second[ID_SIZE], third[ID_SIZE];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/store", dir);
	assert_int_equal(store_open_sqlite(path, &error, &store), 0);
	rig = rig_new(store, 100);
	rig_add(rig, RIG_LIMIT("a", 2, "1m"), first);
	rig_add(rig, RIG_LIMIT("b", 3, "1m"), second);
	rig_add(rig, RIG_LIMIT("c", 4, "1m"), third);
	assert_int_equal(rig_update(rig, second, "{\"limit\":7}", 0, &result), 0);
	assert_int_equal(rig_delete(rig, third, 0), 0);
	rig_free(rig);

	assert_int_equal(store_open_sqlite(path, &error, &store), 0);
	rig = rig_new(store, 100);
	assert_int_equal(rig_count_allowed(rig, "a", 9), 2);
	assert_int_equal(rig_count_allowed(rig, "b", 9), 7);
	assert_int_equal(rig_count_allowed(rig, "c", 9), 9);
	/* With its revision, so that an ETag outlives a restart. */
	assert_int_equal(rig_delete(rig, second, result.limit.revision), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_create(rig, RIG_LIMIT("a", 5, "1m"), &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, first);
	rig_free(rig);
	remove_dir(dir);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(record_of_other_hands_reaches_engine),
		ON_RIG(record_removed_that_never_was_is_no_matter),
		ON_RIG(api_key_written_and_removed_changes_keyring),
		ON_RIG(record_damaged_while_running_keeps_former),
		ON_RIG(record_damaged_beside_sound_ones_stands_alone),
		ON_RIG(record_misplaced_is_refused),
		ON_RIG(start_with_damaged_record_is_refused_naming_it),
		ON_RIG(start_finds_many_in_order),
		cmocka_unit_test(restart_on_sqlite_finds_all),
	};

	return cmocka_run_group_tests_name("service/reconcile", tests, rig_random, NULL);
}
