/* API keys: what may be changed by whom, also while others change the same and the store fails. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "service/admin_keys.h"
#include "service/records_priv.h"
#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

#define DAY_MS 86400000ULL

static void record_name(const char *id, char name[RECORD_NAME_SIZE])
{
	record_api_key_name(SERVICE_TENANT_DEFAULT, id, name);
}

/* Straight to the store, as other hands would. */
static uint64_t write_key(struct rig *rig, const char *id, uint32_t rights, uint64_t expires_at_ms)
{
	struct api_key key = {
		.tenant = SERVICE_TENANT_DEFAULT,
		.rights = rights,
		.expires_at_ms = expires_at_ms,
	};
	char name[RECORD_NAME_SIZE];
	_cleanup_buf_ struct buf value;

	buf_init(&value);
	snprintf(key.id, sizeof(key.id), "%s", id);
	auth_digest(id, strlen(id), key.digest);
	api_key_save(&key, &value);
	record_name(id, name);
	return rig_write(rig, name, value.data);
}

/* Asks as this key from now on. */
static void become(struct rig *rig, const char *id, uint32_t rights)
{
	snprintf(rig->who.key_id, sizeof(rig->who.key_id), "%s", id);
	rig->who.rights = rights;
}

/* A service whose caller is the one key there is: key_root. */
static int setup(void **state)
{
	struct store *inner;
	struct rig *rig;

	assert_int_equal(store_open_memory(&inner), 0);
	rig = rig_new(&fault_store_new(inner)->store, 1000);
	rig_settle(rig, write_key(rig, "key_root", AUTH_ALL, 0));
	become(rig, "key_root", AUTH_ALL);
	*state = rig;
	return 0;
}

static struct fault_store *fault_of(struct rig *rig)
{
	return (struct fault_store *)rig->store;
}

static struct actor actor_of(struct rig *rig)
{
	return (struct actor){.who = &rig->who};
}

static int make(struct rig *rig, const char *body, struct admin_key_result *ret)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct actor actor = actor_of(rig);

	assert_int_equal(json_parse(body, strlen(body), &rig->error, &document), 0);
	return admin_key_create(rig->service, &actor, json_root(document), &rig->error, ret);
}

static int change(struct rig *rig, const char *id, const char *body, uint64_t revision)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct admin_target target = {id, revision};
	struct actor actor = actor_of(rig);
	struct admin_key_result result;

	assert_int_equal(json_parse(body, strlen(body), &rig->error, &document), 0);
	return admin_key_update(rig->service, &actor, &target, json_root(document), &rig->error,
				&result);
}

static int revoke(struct rig *rig, const char *id, uint64_t revision)
{
	struct admin_target target = {id, revision};
	struct actor actor = actor_of(rig);

	return admin_key_delete(rig->service, &actor, &target, &rig->error);
}

static int identify(struct rig *rig, const char *token, struct principal *ret)
{
	struct keyring_memo memo = {.use = NULL};

	return service_identify(rig->service, token, strlen(token), &memo, ret);
}

/* The key as it is in force, or NULL. */
static const struct api_key *in_force(struct rig *rig, const char *id)
{
	const struct catalog *catalog = service_catalog_read(rig->service);
	const struct keyring_entry *entry = catalog_find_key(catalog, SERVICE_TENANT_DEFAULT, id);

	return entry ? &entry->key : NULL;
}

static void key_made_is_in_force_under_its_token(void **state)
{
	struct rig *rig = *state;
	struct admin_key_result result;
	struct principal who;

	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result), 0);
	assert_int_equal(identify(rig, result.token, &who), 0);
	assert_string_equal(who.key_id, result.key.id);
	assert_int_equal(who.rights, AUTH_CHECK);
	assert_int_equal(in_force(rig, result.key.id)->revision, result.key.revision);
	assert_int_equal(revoke(rig, result.key.id, 0), 0);
	assert_int_equal(identify(rig, result.token, &who), AUTH_E_UNKNOWN);
	assert_int_equal(revoke(rig, result.key.id, 0), ADMIN_E_NOT_FOUND);
	assert_int_equal(change(rig, result.key.id, "{}", 0), ADMIN_E_NOT_FOUND);
}

static void key_expires_by_the_clock_of_the_service(void **state)
{
	struct rig *rig = *state;
	struct admin_key_result result;
	struct principal who;

	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"],\"expires_in\":\"1d\"}",
			      &result),
			 0);
	assert_int_equal(clock_advance_ms(&rig->clock, DAY_MS - 1), 0);
	assert_int_equal(identify(rig, result.token, &who), 0);
	assert_int_equal(clock_advance_ms(&rig->clock, 1), 0);
	assert_int_equal(identify(rig, result.token, &who), AUTH_E_EXPIRED);
}

static void change_while_the_store_fails_says_so_and_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct admin_key_result result;

	rig_settle(rig, write_key(rig, "key_a", AUTH_CHECK, 0));
	fault_of(rig)->outcome = STORE_E_READ_ONLY;
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result),
			 ADMIN_E_STORE);
	assert_int_equal(change(rig, "key_a", "{\"name\":\"new\"}", 0), ADMIN_E_STORE);
	assert_int_equal(revoke(rig, "key_a", 0), ADMIN_E_STORE);
	fault_of(rig)->outcome = STORE_E_CONFLICT;
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result),
			 ADMIN_E_STORE);
	assert_int_equal(change(rig, "key_a", "{\"name\":\"new\"}", 0), ADMIN_E_STORE);
	assert_int_equal(revoke(rig, "key_a", 0), ADMIN_E_STORE);
	fault_of(rig)->outcome = 0;
	assert_int_equal(rig_count_records(rig, "tenants/default/api_keys/"), 2);
	assert_string_equal(in_force(rig, "key_a")->name, "");
}

static void change_without_answer_is_unknown_and_taken_over(void **state)
{
	struct rig *rig = *state;
	struct admin_key_result result;

	fault_of(rig)->outcome = STORE_E_UNKNOWN;
	fault_of(rig)->writes_anyway = true;
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result),
			 ADMIN_E_UNKNOWN);
	fault_of(rig)->outcome = 0;
	assert_int_equal(rig_count_records(rig, "tenants/default/api_keys/"), 2);
	/* Nobody has its token: it is seen, and revoked. */
	assert_int_equal(revoke(rig, result.key.id, 0), 0);
}

/* What other hands do to a key amid a call. */
struct meanwhile {
	struct rig *rig;
	const char *id;
	uint32_t rights; /* 0: it is revoked */
};

static void interfere(void *data)
{
	struct meanwhile *meanwhile = data;
	char name[RECORD_NAME_SIZE];

	record_name(meanwhile->id, name);
	if (meanwhile->rights)
		write_key(meanwhile->rig, meanwhile->id, meanwhile->rights, 0);
	else
		rig_remove(meanwhile->rig, name);
}

static void interfere_next(struct rig *rig, struct meanwhile *meanwhile)
{
	meanwhile->rig = rig;
	fault_of(rig)->before = interfere;
	fault_of(rig)->data = meanwhile;
}

/* A stolen key whose revocation overtakes what it has under way. */
static void caller_revoked_meanwhile_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_thief"};
	struct admin_key_result result;

	rig_settle(rig, write_key(rig, "key_a", AUTH_CHECK, 0));
	for (int i = 0; i < 3; i++) {
		rig_settle(rig, write_key(rig, "key_thief", AUTH_ALL, 0));
		become(rig, "key_thief", AUTH_ALL);
		interfere_next(rig, &meanwhile);
		if (i == 0)
			assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"all\"]}",
					      &result),
					 ADMIN_E_FORBIDDEN);
		else if (i == 1)
			assert_int_equal(change(rig, "key_a", "{\"name\":\"n\"}", 0),
					 ADMIN_E_FORBIDDEN);
		else
			assert_int_equal(revoke(rig, "key_a", 0), ADMIN_E_FORBIDDEN);
		assert_non_null(strstr(rig->error.message, "revoked"));
	}
	assert_int_equal(rig_count_records(rig, "tenants/default/api_keys/"), 2);
	assert_string_equal(in_force(rig, "key_a")->name, "");
}

static void caller_reduced_meanwhile_grants_only_what_is_left(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_b", .rights = AUTH_KEYS_WRITE | AUTH_CHECK};
	struct admin_key_result result;

	rig_settle(rig, write_key(rig, "key_b", AUTH_ALL, 0));
	become(rig, "key_b", AUTH_ALL);
	interfere_next(rig, &meanwhile);
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"limits:write\"]}", &result),
			 ADMIN_E_FORBIDDEN);
	assert_string_equal(rig->error.field, "rights");
	assert_non_null(strstr(rig->error.message, "limits:write"));
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result), 0);
}

static void target_grown_meanwhile_is_out_of_reach(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_a", .rights = AUTH_CHECK | AUTH_LIMITS_READ};

	rig_settle(rig, write_key(rig, "key_a", AUTH_CHECK, 0));
	rig_settle(rig, write_key(rig, "key_b", AUTH_KEYS_WRITE | AUTH_CHECK, 0));
	become(rig, "key_b", AUTH_KEYS_WRITE | AUTH_CHECK);
	interfere_next(rig, &meanwhile);
	assert_int_equal(revoke(rig, "key_a", 0), ADMIN_E_FORBIDDEN);
	assert_non_null(strstr(rig->error.message, "limits:read"));
	assert_non_null(in_force(rig, "key_a"));
}

static void last_way_in_is_kept_also_when_the_other_goes_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_second"};

	assert_int_equal(change(rig, "key_root", "{\"rights\":[\"check\"]}", 0), ADMIN_E_LOCKOUT);
	assert_int_equal(change(rig, "key_root", "{\"expires_in\":\"1d\"}", 0), ADMIN_E_LOCKOUT);
	for (int i = 0; i < 2; i++) {
		rig_settle(rig, write_key(rig, "key_second", AUTH_ALL, 0));
		interfere_next(rig, &meanwhile);
		assert_int_equal(change(rig, "key_root",
					i ? "{\"rights\":[\"check\"]}" : "{\"expires_in\":\"1d\"}",
					0),
				 ADMIN_E_LOCKOUT);
		assert_non_null(strstr(rig->error.message, "last API key"));
	}
	rig_settle(rig, write_key(rig, "key_second", AUTH_ALL, 0));
	assert_int_equal(change(rig, "key_root", "{\"rights\":[\"check\"]}", 0), 0);
	assert_int_equal(in_force(rig, "key_root")->rights, AUTH_CHECK);
}

/* Neither one that ends nor one that nobody can read. */
static void key_that_ends_or_is_damaged_is_no_way_in(void **state)
{
	struct rig *rig = *state;
	uint64_t now_ms = clock_utc_ms(&rig->clock);

	write_key(rig, "key_ends", AUTH_ALL, now_ms + DAY_MS);
	write_key(rig, "key_most", AUTH_ALL & ~AUTH_CHECK, 0);
	rig_settle(rig, rig_write(rig, "tenants/default/api_keys/key_bad", "{\"schema\":3}"));
	assert_int_equal(change(rig, "key_root", "{\"rights\":[\"check\"]}", 0), ADMIN_E_LOCKOUT);
	become(rig, "key_ends", AUTH_ALL);
	assert_int_equal(revoke(rig, "key_root", 0), ADMIN_E_LOCKOUT);
}

static void update_amid_other_update_applies_to_both(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_a", .rights = AUTH_LIMITS_READ};

	rig_settle(rig, write_key(rig, "key_a", AUTH_CHECK, 0));
	interfere_next(rig, &meanwhile);
	assert_int_equal(change(rig, "key_a", "{\"name\":\"mine\"}", 0), 0);
	assert_string_equal(in_force(rig, "key_a")->name, "mine");
	assert_int_equal(in_force(rig, "key_a")->rights, AUTH_LIMITS_READ);
}

static void expected_revision_that_moved_meanwhile_fails(void **state)
{
	struct rig *rig = *state;
	struct meanwhile meanwhile = {.id = "key_a", .rights = AUTH_LIMITS_READ};
	uint64_t revision = write_key(rig, "key_a", AUTH_CHECK, 0);

	rig_settle(rig, revision);
	interfere_next(rig, &meanwhile);
	assert_int_equal(change(rig, "key_a", "{\"name\":\"mine\"}", revision), ADMIN_E_REVISION);
	assert_int_equal(revoke(rig, "key_a", revision), ADMIN_E_REVISION);
	assert_int_equal(revoke(rig, "key_a", revision + 1), 0);
}

static void thousand_keys_are_the_most(void **state)
{
	struct rig *rig = *state;
	struct admin_key_result result;
	uint64_t revision = 0;
	char id[ID_SIZE];

	for (int i = 1; i < ADMIN_KEYS_MAX; i++) {
		snprintf(id, sizeof(id), "key_%d", i);
		revision = write_key(rig, id, AUTH_CHECK, 0);
	}
	rig_settle(rig, revision);
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result),
			 ADMIN_E_TOO_MANY);
	assert_int_equal(revoke(rig, "key_500", 0), 0);
	assert_int_equal(make(rig, "{\"name\":\"n\",\"rights\":[\"check\"]}", &result), 0);
}

/* Which of the two a request means nobody could tell. */
static void second_key_with_the_same_token_is_refused(void **state)
{
	struct rig *rig = *state;
	struct api_key twin = {.id = "key_twin", .tenant = "default", .rights = AUTH_CHECK};
	struct service_refusals refusals;
	_cleanup_buf_ struct buf value;

	buf_init(&value);
	auth_digest("key_root", strlen("key_root"), twin.digest);
	api_key_save(&twin, &value);
	rig_settle(rig, rig_write(rig, "tenants/default/api_keys/key_twin", value.data));
	assert_null(in_force(rig, "key_twin"));
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 1);
	assert_string_equal(refusals.last.field, "tenants/default/api_keys/key_twin");
	assert_non_null(strstr(refusals.last.message, "key_root"));
	/* Writing the first again is no twin. */
	rig_settle(rig, write_key(rig, "key_root", AUTH_ALL & ~AUTH_CHECK, 0));
	assert_int_equal(in_force(rig, "key_root")->rights, AUTH_ALL & ~AUTH_CHECK);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(key_made_is_in_force_under_its_token),
		ON_RIG(key_expires_by_the_clock_of_the_service),
		ON_RIG(change_while_the_store_fails_says_so_and_changes_nothing),
		ON_RIG(change_without_answer_is_unknown_and_taken_over),
		ON_RIG(caller_revoked_meanwhile_changes_nothing),
		ON_RIG(caller_reduced_meanwhile_grants_only_what_is_left),
		ON_RIG(target_grown_meanwhile_is_out_of_reach),
		ON_RIG(last_way_in_is_kept_also_when_the_other_goes_meanwhile),
		ON_RIG(key_that_ends_or_is_damaged_is_no_way_in),
		ON_RIG(update_amid_other_update_applies_to_both),
		ON_RIG(expected_revision_that_moved_meanwhile_fails),
		ON_RIG(thousand_keys_are_the_most),
		ON_RIG(second_key_with_the_same_token_is_refused),
	};

	return cmocka_run_group_tests_name("service/admin_keys", tests, rig_random, NULL);
}
