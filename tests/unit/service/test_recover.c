/* A key for whoever lost all: made on a store alone, once there was a first boot. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/records_priv.h"
#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

#define TOKEN "slk_recovered-token-of-a-test"

static int setup(void **state)
{
	struct store *inner;

	assert_int_equal(store_open_memory(&inner), 0);
	*state = rig_new(&fault_store_new(inner)->store, 1000);
	rig_stop(*state);
	return 0;
}

static void recovered_key_lets_in_and_is_noted(void **state)
{
	struct rig *rig = *state;
	struct keyring_memo memo = {.use = NULL};
	struct principal who;
	char id[ID_SIZE];

	assert_int_equal(admin_recover(rig->store, &rig->clock, TOKEN, &rig->error, id), 0);
	assert_int_equal(rig_count_records(rig, "audit/"), 1);
	rig_start(rig, 1000);
	assert_int_equal(service_identify(rig->service, TOKEN, strlen(TOKEN), &memo, &who), 0);
	assert_string_equal(who.key_id, id);
	assert_int_equal(who.rights, AUTH_ALL);
	assert_int_equal(who.expires_at_ms, 0);
}

static void recovery_of_an_empty_store_is_refused(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_remove(rig, "tenants/default");
	assert_int_equal(admin_recover(rig->store, &rig->clock, TOKEN, &rig->error, id),
			 ADMIN_E_NOT_FOUND);
	assert_non_null(strstr(rig->error.message, "sluice serve"));
	assert_int_equal(rig_count_records(rig, ""), 0);
}

static void recovery_that_the_store_refuses_says_so(void **state)
{
	static const int outcomes[] = {STORE_E_READ_ONLY, STORE_E_UNKNOWN, STORE_E_CONFLICT};
	struct rig *rig = *state;
	char id[ID_SIZE];

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		((struct fault_store *)rig->store)->outcome = outcomes[i];
		rig->error.message[0] = '\0';
		assert_int_equal(admin_recover(rig->store, &rig->clock, TOKEN, &rig->error, id),
				 ADMIN_E_STORE);
		assert_non_null(strstr(rig->error.message, "store"));
	}
	assert_int_equal(rig_count_records(rig, "tenants/default/api_keys/"), 0);
}

static void settings_that_nobody_has_are_named(void **state)
{
	static const struct {
		struct admin_bootstrap given;
		const char *names;
	} rows[] = {
		{{.admin_token = NULL}, ""},
		{{.admin_token = TOKEN}, ""},
		{{.check_token = TOKEN}, ""},
		{{.admin_token = "x" TOKEN}, "SLUICE_BOOTSTRAP_KEY"},
		{{.admin_token = TOKEN, .check_token = TOKEN "x", .password = "a password"},
		 "SLUICE_BOOTSTRAP_CHECK_KEY, SLUICE_BOOTSTRAP_PASSWORD"},
	};
	struct rig *rig = *state;
	char id[ID_SIZE];

	assert_int_equal(admin_recover(rig->store, &rig->clock, TOKEN, &rig->error, id), 0);
	/* What cannot be read is nobody's. */
	rig_write(rig, "tenants/default/api_keys/key_bad", "{");
	rig_write(rig, "tenants/default/users/usr_bad", "{\"password_hash\":1}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf names;

		buf_init(&names);
		assert_int_equal(admin_bootstrap_unknown(rig->store, &rows[i].given, &names), 0);
		assert_string_equal(names.len ? names.data : "", rows[i].names);
	}
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(recovered_key_lets_in_and_is_noted),
		ON_RIG(recovery_of_an_empty_store_is_refused),
		ON_RIG(recovery_that_the_store_refuses_says_so),
		ON_RIG(settings_that_nobody_has_are_named),
	};

	return cmocka_run_group_tests_name("service/recover", tests, rig_random, NULL);
}
