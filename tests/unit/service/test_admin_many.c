/* As many limits as a tenant may have: loaded at start, bounded, and still cheap to change. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/service/rig.h"

enum { BATCH = STORE_OPERATIONS_MAX };

struct record {
	char name[96];
	char *value;
};

static char *make_value(struct rig *rig, const char *id, unsigned int i)
{
	_cleanup_limit_ struct limit limit;
	struct json_document *document;
	char body[96];
	struct buf value;
	size_t len;

	limit_init(&limit);
	buf_init(&value);
	snprintf(body, sizeof(body), "{\"key\":\"key%u\",\"limit\":5,\"interval\":\"1m\"}", i);
	assert_int_equal(json_parse(body, strlen(body), &rig->error, &document), 0);
	assert_int_equal(limit_parse(json_root(document), &rig->error, &limit), 0);
	json_document_free(document);
	strcpy(limit.id, id);
	limit_save(&limit, &value);
	return buf_take(&value, &len);
}

static void write_batch(struct rig *rig, unsigned int first, unsigned int n)
{
	static struct record records[BATCH];
	struct store_put puts[BATCH];
	struct store_txn txn = {.puts = puts, .n_puts = n};
	char id[ID_SIZE];
	uint64_t revision;

	for (unsigned int i = 0; i < n; i++) {
		struct record *record = &records[i];

		snprintf(id, sizeof(id), "lim_%08u", first + i);
		snprintf(record->name, sizeof(record->name), "tenants/default/limits/%s", id);
		record->value = make_value(rig, id, first + i);
		assert_non_null(record->value);
		puts[i] = (struct store_put){record->name, record->value, strlen(record->value)};
	}
	assert_int_equal(store_txn(rig->store, &txn, &revision), 0);
	for (unsigned int i = 0; i < n; i++)
		free(records[i].value);
}

static void create_over_the_most_limits_is_refused(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];
	unsigned int n;

	rig_stop(rig);
	for (unsigned int i = 0; i < ADMIN_LIMITS_MAX - 1; i += n) {
		n = ADMIN_LIMITS_MAX - 1 - i < BATCH ? ADMIN_LIMITS_MAX - 1 - i : BATCH;
		write_batch(rig, i, n);
	}
	rig_start(rig, 1000);
	rig_add(rig, RIG_LIMIT("the last", 2, "1m"), id);
	assert_int_equal(rig_create(rig, RIG_LIMIT("one more", 2, "1m"), &result),
			 ADMIN_E_TOO_MANY);
	assert_non_null(strstr(rig->error.message, "100000"));
	assert_int_equal(rig_count_allowed(rig, "the last", 5), 2);
	assert_int_equal(rig_count_allowed(rig, "key99998", 9), 5);
	assert_int_equal(rig_delete(rig, id, 0), 0);
	rig_add(rig, RIG_LIMIT("one more", 2, "1m"), id);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_over_the_most_limits_is_refused),
	};

	return cmocka_run_group_tests_name("service/admin_many", tests, rig_random, NULL);
}
