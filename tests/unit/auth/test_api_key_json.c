/* API keys as people send and see them. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "json/writer.h"

#define NOW_MS 1700000000000ULL
#define DAY_MS 86400000ULL

static int parse(const char *text, struct field_error *error, struct api_key *ret)
{
	_cleanup_json_ struct json_document *document = NULL;

	assert_int_equal(json_parse(text, strlen(text), error, &document), 0);
	return api_key_parse(json_root(document), NOW_MS, error, ret);
}

static int update(const char *text, struct field_error *error, struct api_key *ret)
{
	_cleanup_json_ struct json_document *document = NULL;

	assert_int_equal(json_parse(text, strlen(text), error, &document), 0);
	return api_key_parse_update(json_root(document), NOW_MS + DAY_MS, error, ret);
}

static void key_sent_is_read_with_its_times(void **state)
{
	struct field_error error;
	struct api_key key = {.id = "key_1"};

	assert_int_equal(parse("{\"rights\":[\"keys:read\",\"check\"],\"name\":\"ci\","
			       "\"expires_in\":\"30d\"}",
			       &error, &key),
			 0);
	assert_string_equal(key.name, "ci");
	assert_int_equal(key.rights, AUTH_CHECK | AUTH_KEYS_READ);
	assert_int_equal(key.created_at_ms, NOW_MS);
	assert_int_equal(key.updated_at_ms, NOW_MS);
	assert_int_equal(key.expires_at_ms, NOW_MS + 30 * DAY_MS);
	assert_string_equal(key.id, "key_1");
	assert_int_equal(parse("{\"name\":\"n\",\"rights\":[\"all\"],\"expires_in\":null}", &error,
			       &key),
			 0);
	assert_int_equal(key.rights, AUTH_ALL);
	assert_int_equal(key.expires_at_ms, 0);
}

static void key_name_of_63_bytes_is_the_longest(void **state)
{
	struct field_error error;
	struct api_key key = {0};
	char text[160] = "{\"rights\":[\"check\"],\"name\":\"";
	size_t len = strlen(text);

	memset(text + len, 'n', API_KEY_NAME_MAX);
	strcpy(text + len + API_KEY_NAME_MAX, "\"}");
	assert_int_equal(parse(text, &error, &key), 0);
	assert_int_equal(strlen(key.name), API_KEY_NAME_MAX);
	strcpy(text + len + API_KEY_NAME_MAX, "n\"}");
	assert_int_equal(parse(text, &error, &key), API_KEY_E_INVALID);
	assert_string_equal(error.field, "name");
}

static void key_changed_keeps_what_is_not_named(void **state)
{
	struct api_key key = {
		.id = "key_1",
		.name = "old",
		.rights = AUTH_CHECK,
		.created_at_ms = 5,
		.updated_at_ms = 6,
		.expires_at_ms = 7,
		.revision = 8,
	};
	struct field_error error;

	assert_int_equal(update("{\"name\":\"new\"}", &error, &key), 0);
	assert_string_equal(key.name, "new");
	assert_int_equal(key.rights, AUTH_CHECK);
	assert_int_equal(key.created_at_ms, 5);
	assert_int_equal(key.updated_at_ms, NOW_MS + DAY_MS);
	assert_int_equal(key.expires_at_ms, 7);
	assert_int_equal(update("{\"expires_in\":\"1d\"}", &error, &key), 0);
	assert_int_equal(key.expires_at_ms, NOW_MS + 2 * DAY_MS);
	assert_int_equal(update("{\"expires_in\":null,\"rights\":[\"limits:read\"]}", &error, &key),
			 0);
	assert_int_equal(key.expires_at_ms, 0);
	assert_int_equal(key.rights, AUTH_LIMITS_READ);
	assert_int_equal(key.revision, 8);
}

/* Whoever edits the answer of a GET sends all of it. */
static void key_sent_back_as_shown_changes_but_its_time(void **state)
{
	struct api_key key = {
		.id = "key_1",
		.name = "same \"\xc3\xa9",
		.rights = AUTH_CHECK | AUTH_USAGE_READ,
		.created_at_ms = NOW_MS,
		.updated_at_ms = NOW_MS,
		.expires_at_ms = NOW_MS + DAY_MS,
		.revision = 8,
	};
	struct api_key after = key;
	struct field_error error;
	_cleanup_buf_ struct buf shown;

	buf_init(&shown);
	api_key_write(&key, &(struct api_key_shown){NOW_MS, NOW_MS, "slk_once"}, &shown);
	assert_false(shown.failed);
	assert_int_equal(update(shown.data, &error, &after), 0);
	assert_int_equal(after.updated_at_ms, NOW_MS + DAY_MS);
	after.updated_at_ms = key.updated_at_ms;
	assert_memory_equal(&after, &key, sizeof(key));
}

static void key_refused_update_leaves_it_alone(void **state)
{
	static const struct {
		const char *text, *field;
	} rows[] = {
		{"{\"name\":\"new\",\"id\":\"key_2\"}", "id"},
		{"{\"name\":\"new\",\"rights\":[\"check\",\"no\"]}", "rights[1]"},
		{"{\"name\":\"new\",\"expires_in\":\"3651d\"}", "expires_in"},
		{"{\"name\":\"new\",\"expires_in\":\"999ms\"}", "expires_in"},
		{"{\"name\":\"new\",\"nam\":1}", "nam"},
		{"{\"name\":\"new\",\"id\":1}", "id"},
		{"[\"name\"]", ""},
	};
	const struct api_key before = {.id = "key_1", .name = "old", .rights = AUTH_CHECK};
	struct field_error error;
	struct api_key key = before;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(update(rows[i].text, &error, &key), API_KEY_E_INVALID);
		assert_string_equal(error.field, rows[i].field);
		assert_memory_equal(&key, &before, sizeof(key));
	}
}

static void key_shown_tells_no_digest(void **state)
{
	struct api_key key = {.id = "key_1", .name = "n", .rights = AUTH_ALL, .revision = 3};
	_cleanup_buf_ struct buf shown;

	buf_init(&shown);
	memset(key.digest, 0xAB, sizeof(key.digest));
	api_key_write(&key, &(struct api_key_shown){.now_ms = NOW_MS}, &shown);
	assert_string_equal(
		shown.data,
		"{\"id\":\"key_1\",\"name\":\"n\",\"rights\":[\"all\"],"
		"\"expires_at\":null,\"expired\":false,\"revision\":3,\"created_at\":null,"
		"\"updated_at\":null,\"last_used_at\":null}");
}

static void expect_change(const struct api_key *before, const struct api_key *after,
			  const char *expected)
{
	_cleanup_buf_ struct buf text;
	struct json_writer writer;

	buf_init(&text);
	json_writer_init(&writer, &text);
	api_key_write_change(before, after, &writer);
	assert_string_equal(text.data, expected);
}

static void key_change_tells_what_differs_and_no_digest(void **state)
{
	struct api_key old = {.id = "key_1", .name = "n", .rights = AUTH_CHECK, .revision = 3};
	struct api_key new = old;

	memset(old.digest, 0xAB, sizeof(old.digest));
	memset(new.digest, 0xAC, sizeof(new.digest));
	new.revision = 4;
	new.updated_at_ms = 1795466160123;
	expect_change(&old, &new, "{\"before\":{},\"after\":{}}");
	strcpy(new.name, "m");
	new.rights = AUTH_ALL;
	new.expires_at_ms = 1795466160123;
	expect_change(&old, &new,
		      "{\"before\":{\"name\":\"n\",\"rights\":[\"check\"],\"expires_at\":null},"
		      "\"after\":{\"name\":\"m\",\"rights\":[\"all\"],"
		      "\"expires_at\":\"2026-11-23T20:36:00.123Z\"}}");
	expect_change(NULL, &old,
		      "{\"before\":null,\"after\":{\"id\":\"key_1\",\"name\":\"n\","
		      "\"rights\":[\"check\"],\"expires_at\":null,\"created_at\":null}}");
	expect_change(&old, NULL,
		      "{\"before\":{\"id\":\"key_1\",\"name\":\"n\",\"rights\":[\"check\"],"
		      "\"expires_at\":null,\"created_at\":null},\"after\":null}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_sent_is_read_with_its_times),
		cmocka_unit_test(key_name_of_63_bytes_is_the_longest),
		cmocka_unit_test(key_changed_keeps_what_is_not_named),
		cmocka_unit_test(key_sent_back_as_shown_changes_but_its_time),
		cmocka_unit_test(key_refused_update_leaves_it_alone),
		cmocka_unit_test(key_shown_tells_no_digest),
		cmocka_unit_test(key_change_tells_what_differs_and_no_digest),
	};

	return cmocka_run_group_tests_name("auth/api_key_json", tests, NULL, NULL);
}
