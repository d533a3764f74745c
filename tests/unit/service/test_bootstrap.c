/* First boot: everything in one transaction, once. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

#define ADMIN_TOKEN "admin-token-0123456789abcdef"
#define CHECK_TOKEN "check-token-0123456789abcdef"

struct boot {
	struct clock clock;
	struct store *store;
	struct field_error error;
};

static const struct admin_bootstrap sound = {
	.email = "ops@example.org",
	.password = "correct horse battery",
	.admin_token = ADMIN_TOKEN,
	.check_token = CHECK_TOKEN,
};

static int setup(void **state)
{
	struct boot *boot = calloc(1, sizeof(*boot));
	struct store *inner;

	assert_non_null(boot);
	clock_init_frozen(&boot->clock);
	assert_int_equal(store_open_memory(&inner), 0);
	boot->store = &fault_store_new(inner)->store;
	*state = boot;
	return 0;
}

static int teardown(void **state)
{
	struct boot *boot = *state;

	store_close(boot->store);
	free(boot);
	return 0;
}

static int run(struct boot *boot, const struct admin_bootstrap *first, bool *ret_done)
{
	memset(&boot->error, 0, sizeof(boot->error));
	return admin_bootstrap(boot->store, &boot->clock, first, &boot->error, ret_done);
}

/* All text of the store, one record after the other. */
static int collect(const struct store_record *record, void *data)
{
	buf_put(data, record->value, record->size);
	buf_put_char(data, '\n');
	return 0;
}

static void bootstrap_first_makes_keys_that_work(void **state)
{
	struct boot *boot = *state;
	struct service_config config = {
		.store = boot->store,
		.clock = &boot->clock,
		.tenant_keys_max = 10,
	};
	char reason[SERVICE_REASON_SIZE];
	struct service *service;
	struct catalog *catalog;
	struct principal who;
	bool done = false;

	assert_int_equal(run(boot, &sound, &done), 0);
	assert_true(done);
	assert_int_equal(service_new(&config, &boot->error, &service), 0);
	assert_true(service_ready(service, reason));
	catalog = service_catalog_get(service);
	assert_int_equal(keyring_find(catalog->keyring, ADMIN_TOKEN, strlen(ADMIN_TOKEN), &who), 0);
	assert_int_equal(who.rights, AUTH_ALL);
	assert_string_equal(who.tenant, SERVICE_TENANT_DEFAULT);
	assert_int_equal(keyring_find(catalog->keyring, CHECK_TOKEN, strlen(CHECK_TOKEN), &who), 0);
	assert_int_equal(who.rights, AUTH_CHECK);
	service_catalog_put(catalog);
	service_free(service);
}

static void bootstrap_keeps_no_secret_in_clear(void **state)
{
	struct boot *boot = *state;
	_cleanup_buf_ struct buf text;
	const char *hash;
	uint64_t revision;
	bool done;

	buf_init(&text);
	assert_int_equal(run(boot, &sound, &done), 0);
	assert_int_equal(store_range(boot->store, "tenants/", collect, &text, &revision), 0);
	assert_null(strstr(text.data, sound.password));
	assert_null(strstr(text.data, ADMIN_TOKEN));
	assert_null(strstr(text.data, CHECK_TOKEN));
	assert_non_null(strstr(text.data, sound.email));
	hash = strstr(text.data, "$argon2id$");
	assert_non_null(hash);
	*strchr(hash, '"') = '\0';
	assert_true(auth_password_matches(sound.password, hash));
	assert_int_equal(revision, 1); /* one transaction */
}

static void bootstrap_second_does_nothing(void **state)
{
	struct admin_bootstrap other = sound;
	struct boot *boot = *state;
	_cleanup_buf_ struct buf before, after;
	uint64_t revision;
	bool done;

	buf_init(&before);
	buf_init(&after);
	assert_int_equal(run(boot, &sound, &done), 0);
	assert_int_equal(store_range(boot->store, "", collect, &before, &revision), 0);
	/* Not even looked at: the environment may hold old values for ever. */
	other.admin_token = "short";
	done = true;
	assert_int_equal(run(boot, &other, &done), 0);
	assert_false(done);
	assert_int_equal(store_range(boot->store, "", collect, &after, &revision), 0);
	assert_string_equal(before.data, after.data);
}

/* Another controller boots on the same store between our look and our write. */
static void boot_meanwhile(void *data)
{
	struct boot *boot = data;
	bool done = false;

	assert_int_equal(run(boot, &sound, &done), 0);
	assert_true(done);
}

static void bootstrap_raced_yields_to_the_first(void **state)
{
	struct boot *boot = *state;
	struct fault_store *fault = (struct fault_store *)boot->store;
	_cleanup_buf_ struct buf text;
	uint64_t revision;
	bool done = true;

	buf_init(&text);
	fault->before = boot_meanwhile;
	fault->data = boot;
	assert_int_equal(run(boot, &sound, &done), 0);
	assert_false(done);
	assert_int_equal(store_range(boot->store, "", collect, &text, &revision), 0);
	assert_int_equal(revision, 1);
}

static void bootstrap_unfit_value_is_refused_naming_variable(void **state)
{
	static char long_token[AUTH_TOKEN_MAX + 2];
	const struct {
		struct admin_bootstrap first;
		const char *field;
	} rows[] = {
		{{"a@b.c", "0123456789", "23-characters-and-no-on", CHECK_TOKEN},
		 "SLUICE_BOOTSTRAP_KEY"},
		{{"a@b.c", "0123456789", long_token, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_KEY"},
		{{"a@b.c", "0123456789", "a token of words and spaces", CHECK_TOKEN},
		 "SLUICE_BOOTSTRAP_KEY"},
		{{"a@b.c", "0123456789", "a-token-with-an-accent-\xc3\xa9", CHECK_TOKEN},
		 "SLUICE_BOOTSTRAP_KEY"},
		{{"a@b.c", "0123456789", ADMIN_TOKEN, "short"}, "SLUICE_BOOTSTRAP_CHECK_KEY"},
		{{"a@b.c", "0123456789", ADMIN_TOKEN, ADMIN_TOKEN}, "SLUICE_BOOTSTRAP_CHECK_KEY"},
		{{"nobody", "0123456789", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_EMAIL"},
		{{"@b.c", "0123456789", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_EMAIL"},
		{{"a@", "0123456789", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_EMAIL"},
		{{"a@b@c", "0123456789", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_EMAIL"},
		{{"a b@c", "0123456789", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_EMAIL"},
		{{"a@b.c", "012345678", ADMIN_TOKEN, CHECK_TOKEN}, "SLUICE_BOOTSTRAP_PASSWORD"},
	};
	struct boot *boot = *state;
	_cleanup_buf_ struct buf text;
	uint64_t revision;
	bool done;

	buf_init(&text);
	memset(long_token, 'a', sizeof(long_token) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(boot, &rows[i].first, &done), ADMIN_E_INVALID);
		assert_string_equal(boot->error.field, rows[i].field);
	}
	assert_int_equal(store_range(boot->store, "", collect, &text, &revision), 0);
	assert_int_equal(text.len, 0);
}

static void bootstrap_on_failing_store_is_told(void **state)
{
	struct boot *boot = *state;
	struct fault_store *fault = (struct fault_store *)boot->store;
	bool done;

	fault->outcome = STORE_E_READ_ONLY;
	assert_int_equal(run(boot, &sound, &done), ADMIN_E_STORE);
	fault->outcome = STORE_E_UNKNOWN;
	assert_int_equal(run(boot, &sound, &done), ADMIN_E_UNKNOWN);
	fault->outcome = -5;
	assert_int_equal(run(boot, &sound, &done), -5);
}

#define ON_BOOT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOOT(bootstrap_first_makes_keys_that_work),
		ON_BOOT(bootstrap_keeps_no_secret_in_clear),
		ON_BOOT(bootstrap_second_does_nothing),
		ON_BOOT(bootstrap_raced_yields_to_the_first),
		ON_BOOT(bootstrap_unfit_value_is_refused_naming_variable),
		ON_BOOT(bootstrap_on_failing_store_is_told),
	};

	return cmocka_run_group_tests_name("service/bootstrap", tests, rig_random, NULL);
}
