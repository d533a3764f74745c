/* API key records: what is written reads back, what is damaged is refused by name. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY(schema, rights, digest)                                                       \
	"{\"schema\":" schema ",\"id\":\"key_1\",\"tenant\":\"default\",\"name\":\"ci\"," \
	"\"rights\":" rights ",\"digest\":\"" digest "\",\"created_at_ms\":1700000000000}"

static struct api_key sample(void)
{
	struct api_key key = {
		.id = "key_1",
		.tenant = "default",
		.name = "ci \"quoted\" \xc3\xa9",
		.rights = AUTH_CHECK | AUTH_LIMITS_READ,
		.created_at_ms = 1700000000000,
		.updated_at_ms = 1700000000001,
		.expires_at_ms = 1800000000000,
	};

	for (size_t i = 0; i < sizeof(key.digest); i++)
		key.digest[i] = (uint8_t)(i * 7);
	return key;
}

static void api_key_saved_loads_equal(void **state)
{
	struct api_key key = sample(), loaded;
	struct field_error error;
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	api_key_save(&key, &buf);
	assert_false(buf.failed);
	assert_int_equal(api_key_load(buf.data, buf.len, &error, &loaded), 0);
	assert_string_equal(loaded.id, key.id);
	assert_string_equal(loaded.tenant, key.tenant);
	assert_string_equal(loaded.name, key.name);
	assert_int_equal(loaded.rights, key.rights);
	assert_int_equal(loaded.created_at_ms, key.created_at_ms);
	assert_int_equal(loaded.updated_at_ms, key.updated_at_ms);
	assert_int_equal(loaded.expires_at_ms, key.expires_at_ms);
	assert_memory_equal(loaded.digest, key.digest, sizeof(key.digest));
}

static void api_key_rights_stand_by_name(void **state)
{
	struct api_key key = sample();
	_cleanup_buf_ struct buf buf;

	key.rights = AUTH_CHECK | AUTH_LIMITS_READ | AUTH_USAGE_READ;
	buf_init(&buf);
	api_key_save(&key, &buf);
	assert_non_null(strstr(buf.data, "\"rights\":[\"check\",\"limits:read\",\"usage:read\"]"));
	key.rights = AUTH_ALL;
	buf_clear(&buf);
	api_key_save(&key, &buf);
	assert_non_null(strstr(buf.data, "\"rights\":[\"all\"]"));
}

/* Such keys must not lose what later versions let them do. */
static void api_key_with_all_rights_of_first_schema_has_all(void **state)
{
	const char *text =
		KEY("1", "[\"check\",\"limits:read\",\"limits:write\",\"metrics:read\"]", DIGEST);
	struct field_error error;
	struct api_key key;

	assert_int_equal(api_key_load(text, strlen(text), &error, &key), 0);
	assert_int_equal(key.rights, AUTH_ALL);
	text = KEY("1", "[\"check\",\"limits:read\",\"limits:write\"]", DIGEST);
	assert_int_equal(api_key_load(text, strlen(text), &error, &key), 0);
	assert_int_equal(key.rights, AUTH_CHECK | AUTH_LIMITS_READ | AUTH_LIMITS_WRITE);
}

/* Of keys that were made before there were times; and nobody may take an expiry away by damage. */
static void api_key_times_are_needed_from_the_third_schema_on(void **state)
{
	const char *text = KEY("2", "[\"check\"]", DIGEST);
	struct field_error error;
	struct api_key key;

	assert_int_equal(api_key_load(text, strlen(text), &error, &key), 0);
	assert_int_equal(key.updated_at_ms, key.created_at_ms);
	assert_int_equal(key.expires_at_ms, 0);
	text = KEY("3", "[\"check\"]", DIGEST);
	assert_int_equal(api_key_load(text, strlen(text), &error, &key), AUTH_E_UNKNOWN);
	assert_string_equal(error.field, "updated_at_ms");
}

static void token_made_is_fit_and_never_the_same(void **state)
{
	char token[AUTH_TOKEN_SIZE], other[AUTH_TOKEN_SIZE];

	auth_token_make(token);
	auth_token_make(other);
	assert_int_equal(strlen(token), AUTH_TOKEN_SIZE - 1);
	assert_int_equal(strncmp(token, "slk_", 4), 0);
	assert_true(strlen(token) >= AUTH_TOKEN_MIN && strlen(token) <= AUTH_TOKEN_MAX);
	assert_string_not_equal(token, other);
}

static void rights_are_found_by_their_names(void **state)
{
	for (uint32_t right = 1; right < AUTH_ALL; right <<= 1) {
		const char *name = auth_right_name(right);

		assert_string_not_equal(name, "none");
		assert_int_equal(auth_right_find(name, strlen(name)), right);
	}
	assert_int_equal(auth_right_find("all", 3), AUTH_ALL);
	assert_int_equal(auth_right_find("checks", 6), 0);
	assert_int_equal(auth_right_find("chec", 4), 0);
	assert_int_equal(auth_right_find("", 0), 0);
	assert_string_equal(auth_right_name(AUTH_CHECK | AUTH_LIMITS_READ), "none");
}

static void api_key_damaged_is_refused_naming_member(void **state)
{
	static const struct {
		const char *text;
		const char *field;
	} rows[] = {
		{KEY("4", "[\"check\"]", DIGEST), "schema"},
		{KEY("0", "[\"check\"]", DIGEST), "schema"},
		{KEY("-1", "[\"check\"]", DIGEST), "schema"},
		{KEY("\"1\"", "[\"check\"]", DIGEST), "schema"},
		{KEY("1", "[\"check\",\"fly\"]", DIGEST), "rights"},
		{KEY("1", "[1]", DIGEST), "rights"},
		{KEY("1", "\"check\"", DIGEST), "rights"},
		{KEY("1", "[]", "00"), "digest"},
		{KEY("1", "[]", DIGEST "00"), "digest"},
		{KEY("1", "[]", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
		 "digest"},
		{"{\"schema\":1}", "id"},
		{"{\"schema\":1,\"id\":\"key_0123456789012345678901234567\"}", "id"},
		{"[]", ""},
	};
	struct field_error error;
	struct api_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].text);
		error.field[0] = '?';
		assert_int_equal(api_key_load(rows[i].text, strlen(rows[i].text), &error, &key),
				 AUTH_E_UNKNOWN);
		assert_string_equal(error.field, rows[i].field);
	}
	assert_int_equal(api_key_load("{", 1, &error, &key), AUTH_E_UNKNOWN);
}

static void api_key_sound_literal_loads(void **state)
{
	const char *text = KEY("1", "[\"limits:write\"]", DIGEST);
	struct field_error error;
	struct api_key key;

	assert_int_equal(api_key_load(text, strlen(text), &error, &key), 0);
	assert_int_equal(key.rights, AUTH_LIMITS_WRITE);
	assert_int_equal(key.digest[31], 0x1f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api_key_saved_loads_equal),
		cmocka_unit_test(api_key_rights_stand_by_name),
		cmocka_unit_test(api_key_with_all_rights_of_first_schema_has_all),
		cmocka_unit_test(api_key_times_are_needed_from_the_third_schema_on),
		cmocka_unit_test(token_made_is_fit_and_never_the_same),
		cmocka_unit_test(rights_are_found_by_their_names),
		cmocka_unit_test(api_key_damaged_is_refused_naming_member),
		cmocka_unit_test(api_key_sound_literal_loads),
	};

	return cmocka_run_group_tests_name("auth/api_key", tests, NULL, NULL);
}
