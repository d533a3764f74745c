/* What a user sends to create a limit is read with its defaults, or refused by field. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "unit/model/limit_text.h"

#define MINUTE_NS 60000000000ULL
/* A limit that is good but for what stands in the middle. */
#define WITH(members) "{\"key\":\"k\",\"limit\":10,\"interval\":\"1m\"," members "}"

static void limit_of_three_members_gets_every_default(void **state)
{
	_cleanup_limit_ struct limit limit;

	limit_must_parse("{\"key\":\"user123\",\"limit\":1000,\"interval\":\"1m\"}", &limit);
	assert_string_equal(limit.id, "");
	assert_int_equal(limit.scope, LIMIT_SCOPE_REQUEST);
	assert_string_equal(limit.key, "user123");
	assert_int_equal(limit.key_len, 7);
	assert_int_equal(limit.limit, 1000);
	assert_int_equal(limit.burst, 1000);
	assert_false(limit.burst_given);
	assert_int_equal(limit.interval_ns, MINUTE_NS);
	assert_int_equal(limit.algorithm, SLUICE_TOKEN_BUCKET);
	assert_int_equal(limit.unit, LIMIT_REQUESTS);
	assert_int_equal(limit.mode, ENGINE_ENFORCE);
	assert_int_equal(limit.strategy, LIMIT_LOCAL);
	assert_int_equal(limit.on_failure, LIMIT_LOCAL_SHARE);
	assert_string_equal(limit.name, "");
	assert_string_equal(limit.origin, "api");
	assert_int_equal(limit.revision, 0);
}

static void limit_of_every_member_is_read(void **state)
{
	_cleanup_limit_ struct limit limit;

	limit_must_parse("{\"on_failure\":\"closed\",\"name\":\"R\xC3\xA4te\",\"mode\":\"shadow\","
			 "\"strategy\":\"local\",\"unit\":\"requests\",\"scope\":\"request\","
			 "\"algorithm\":\"token_bucket\",\"burst\":7,\"interval\":\"365d\","
			 "\"limit\":5,\"key\":\"a*\\\\*b\"}",
			 &limit);
	assert_string_equal(limit.key, "a*\\*b");
	assert_int_equal(limit.limit, 5);
	assert_int_equal(limit.burst, 7);
	assert_true(limit.burst_given);
	assert_int_equal(limit.interval_ns, SLUICE_INTERVAL_MAX_NS);
	assert_int_equal(limit.mode, ENGINE_SHADOW);
	assert_int_equal(limit.on_failure, LIMIT_CLOSED);
	assert_string_equal(limit.name, "R\xC3\xA4te");
}

static void limit_choices_are_read(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		unsigned int value;
	} rows[] = {
#define AT(part) offsetof(struct limit, part)
		{WITH("\"algorithm\":\"token_bucket\""), AT(algorithm), SLUICE_TOKEN_BUCKET},
		{WITH("\"algorithm\":\"fixed_window\""), AT(algorithm), SLUICE_FIXED_WINDOW},
		{WITH("\"algorithm\":\"sliding_window\""), AT(algorithm), SLUICE_SLIDING_WINDOW},
		{WITH("\"mode\":\"enforce\""), AT(mode), ENGINE_ENFORCE},
		{WITH("\"mode\":\"shadow\""), AT(mode), ENGINE_SHADOW},
		{WITH("\"mode\":\"off\""), AT(mode), ENGINE_OFF},
		{WITH("\"on_failure\":\"local_share\""), AT(on_failure), LIMIT_LOCAL_SHARE},
		{WITH("\"on_failure\":\"open\""), AT(on_failure), LIMIT_OPEN},
		{WITH("\"on_failure\":\"closed\""), AT(on_failure), LIMIT_CLOSED},
#undef AT
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit limit;
		unsigned int value;

		limit_must_parse(rows[i].text, &limit);
		memcpy(&value, (const char *)&limit + rows[i].offset, sizeof(value));
		if (value != rows[i].value)
			fail_msg("%s: %u", rows[i].text, value);
	}
}

#define CHECK(rows) limits_must_be_refused(rows, sizeof(rows) / sizeof(rows[0]))

static void limit_missing_or_unknown_members_are_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{"[]", "", "must be an object, not an array"},
		{"null", "", "must be an object, not null"},
		{"\"x\"", "", "must be an object, not a string"},
		{"{}", "key", "is required"},
		{"{\"limit\":1,\"interval\":\"1m\"}", "key", "is required"},
		{"{\"key\":\"k\",\"interval\":\"1m\"}", "limit", "is required"},
		{"{\"key\":\"k\",\"limit\":1}", "interval", "is required"},
		{WITH("\"colour\":1"), "colour", "is not a field of a limit"},
		{WITH("\"\":1"), "", "member without a name"},
		{WITH("\"bursts\":1"), "bursts", "did you mean \"burst\"?"},
		{WITH("\"burs\":1"), "burs", "did you mean \"burst\"?"},
		{WITH("\"burzt\":1"), "burzt", "did you mean \"burst\"?"},
		{WITH("\"brust\":1"), "brust", "did you mean \"burst\"?"},
		{WITH("\"Burst\":1"), "Burst", "did you mean \"burst\"?"},
		{WITH("\"algoritm\":\"x\""), "algoritm", "did you mean \"algorithm\"?"},
		{WITH("\"onfailure\":\"x\""), "onfailure", "did you mean \"on_failure\"?"},
		{WITH("\"names\":\"x\""), "names", "did you mean \"name\"?"},
		{WITH("\"schema\":1"), "schema", "is not a field of a limit"},
		{WITH("\"burst_given\":true"), "burst_given", "is not a field of a limit"},
		{WITH("\"tenant\":\"x\""), "tenant", "is not a field of a limit"},
	};
	struct field_error error = {0};
	struct limit limit = {0};

	CHECK(rows);
	/* Two slips are no slip. */
	assert_int_equal(limit_from_text(WITH("\"bruts_\":1"), &error, &limit), MODEL_E_INVALID);
	assert_null(strstr(error.message, "did you mean"));
}

static void limit_of_wrong_types_is_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{"{\"key\":5,\"limit\":1,\"interval\":\"1m\"}", "key",
		 "must be a string, not an integer"},
		{"{\"key\":null,\"limit\":1,\"interval\":\"1m\"}", "key",
		 "must be a string, not null"},
		{"{\"key\":\"k\",\"limit\":\"1000\",\"interval\":\"1m\"}", "limit",
		 "must be an integer, not a string"},
		{"{\"key\":\"k\",\"limit\":1.0,\"interval\":\"1m\"}", "limit",
		 "must be an integer, not a number with a fraction"},
		{"{\"key\":\"k\",\"limit\":1e3,\"interval\":\"1m\"}", "limit",
		 "must be an integer"},
		{"{\"key\":\"k\",\"limit\":null,\"interval\":\"1m\"}", "limit", "not null"},
		{"{\"key\":\"k\",\"limit\":true,\"interval\":\"1m\"}", "limit",
		 "not true or false"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":60}", "interval",
		 "must be a string, not an integer"},
		{WITH("\"burst\":\"7\""), "burst", "must be an integer, not a string"},
		{WITH("\"burst\":[7]"), "burst", "must be an integer, not an array"},
		{WITH("\"algorithm\":0"), "algorithm", "must be a string, not an integer"},
		{WITH("\"scope\":{}"), "scope", "must be a string, not an object"},
		{WITH("\"unit\":null"), "unit", "must be a string, not null"},
		{WITH("\"mode\":false"), "mode", "must be a string, not true or false"},
		{WITH("\"strategy\":1"), "strategy", "must be a string"},
		{WITH("\"on_failure\":1"), "on_failure", "must be a string"},
		{WITH("\"name\":1"), "name", "must be a string, not an integer"},
	};

	CHECK(rows);
}

static void limit_of_wrong_values_is_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{"{\"key\":\"\",\"limit\":1,\"interval\":\"1m\"}", "key", "must not be empty"},
		{"{\"key\":\"a*b*c*d*e*\",\"limit\":1,\"interval\":\"1m\"}", "key",
		 "at most 4 `*`"},
		{"{\"key\":\"a\\\\b\",\"limit\":1,\"interval\":\"1m\"}", "key",
		 "stray backslash at byte 2"},
		{"{\"key\":\"\\\\\\\\*\\\\\",\"limit\":1,\"interval\":\"1m\"}", "key",
		 "stray backslash at byte 4"},
		{"{\"key\":\"\\\\\\\\x\\\\\",\"limit\":1,\"interval\":\"1m\"}", "key",
		 "stray backslash at byte 4"},
		{"{\"key\":\"*****\\\\\",\"limit\":1,\"interval\":\"1m\"}", "key",
		 "stray backslash"},
		{"{\"key\":\"k\",\"limit\":0,\"interval\":\"1m\"}", "limit", "must be at least 1"},
		{"{\"key\":\"k\",\"limit\":-1,\"interval\":\"1m\"}", "limit", "must be at least 1"},
		{"{\"key\":\"k\",\"limit\":-9223372036854775808,\"interval\":\"1m\"}", "limit",
		 "must be at least 1"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"\"}", "interval",
		 "a whole number and a unit"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"60\"}", "interval",
		 "a whole number and a unit"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"1.5h\"}", "interval", "whole number"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"-1m\"}", "interval", "whole number"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"0s\"}", "interval", "whole number"},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"366d\"}", "interval",
		 "\"1ms\" to \"365d\""},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"31536000001ms\"}", "interval",
		 "to \"365d\""},
		{"{\"key\":\"k\",\"limit\":1,\"interval\":\"99999999999999999999d\"}", "interval",
		 "to \"365d\""},
		{WITH("\"burst\":0"), "burst", "must be at least 1"},
		{WITH("\"burst\":-5"), "burst", "must be at least 1"},
		{WITH("\"algorithm\":\"gcra\""), "algorithm",
		 "must be \"token_bucket\", \"fixed_window\" or \"sliding_window\""},
		{WITH("\"algorithm\":\"\""), "algorithm", "must be \"token_bucket\""},
		{WITH("\"algorithm\":\"Token_Bucket\""), "algorithm", "must be \"token_bucket\""},
		{WITH("\"mode\":\"on\""), "mode", "must be \"enforce\", \"shadow\" or \"off\""},
		{WITH("\"on_failure\":\"x\""), "on_failure",
		 "must be \"local_share\", \"open\" or \"closed\""},
		{WITH("\"unit\":\"x\""), "unit", "must be \"requests\""},
		{WITH("\"scope\":\"world\""), "scope", "must be \"request\" or \"packet\""},
		{WITH("\"name\":\"a\\nb\""), "name", "control characters"},
		{WITH("\"name\":\"a\\u007f\""), "name", "control characters"},
		{WITH("\"name\":\"\\u0085b\""), "name", "control characters"},
		{WITH("\"name\":\"\\u001b[31m\""), "name", "control characters"},
	};

	CHECK(rows);
}

static void limit_of_what_comes_later_is_refused_saying_so(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"strategy\":\"shared\""), "strategy", "\"shared\" needs Redis"},
		{WITH("\"strategy\":\"leased\""), "strategy", "needs Redis"},
		{WITH("\"strategy\":\"strict\""), "strategy", "needs Redis"},
		{WITH("\"strategy\":\"x\""), "strategy", "must be \"local\""},
	};

	CHECK(rows);
}

static void limit_members_of_the_service_are_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"id\":\"lim_1\""), "id", "read-only"},
		{WITH("\"revision\":1"), "revision", "read-only"},
		{WITH("\"created_at\":\"2026-01-01T00:00:00.000Z\""), "created_at", "read-only"},
		{WITH("\"updated_at\":\"2026-01-01T00:00:00.000Z\""), "updated_at", "read-only"},
		{WITH("\"origin\":\"api\""), "origin", "read-only"},
		{WITH("\"stats\":{}"), "stats", "read-only"},
	};

	CHECK(rows);
}

static void put_key(char *text, size_t size, const char *character, size_t times, const char *end)
{
	size_t len =
		(size_t)snprintf(text, size, "{\"limit\":1,\"interval\":\"1m\",\"%s\":\"", end);

	for (size_t i = 0; i < times; i++)
		len += (size_t)snprintf(text + len, size - len, "%s", character);
	snprintf(text + len, size - len, "\"%s}", strcmp(end, "key") == 0 ? "" : ",\"key\":\"k\"");
}

static void limit_text_lengths_are_bounded_in_bytes(void **state)
{
	static const struct {
		const char *member, *character;
		size_t times;
		const char *piece; /* NULL: fits */
	} rows[] = {
		{"key", "x", 1, NULL},
		{"key", "x", 512, NULL},
		{"key", "x", 513, "at most 512 bytes long, not 513"},
		{"key", "\xC3\xA4", 256, NULL},
		{"key", "\xC3\xA4", 257, "at most 512 bytes long, not 514"},
		{"name", "x", 0, NULL},
		{"name", "x", 128, NULL},
		{"name", "x", 129, "at most 128 bytes long, not 129"},
		{"name", "\xE2\x82\xAC", 42, NULL},
		{"name", "\xE2\x82\xAC", 43, "at most 128 bytes long, not 129"},
	};
	char text[2000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct field_error error = {0};
		struct limit limit;
		int r;

		put_key(text, sizeof(text), rows[i].character, rows[i].times, rows[i].member);
		r = limit_from_text(text, &error, &limit);
		if (rows[i].piece) {
			limit_must_be_refused(r, &error, rows[i].member, rows[i].piece, text);
			continue;
		}
		assert_int_equal(r, 0);
		limit_done(&limit);
	}
}

static void limit_pattern_at_its_bounds_is_read(void **state)
{
	static const char *const keys[] = {"*", "a*b*c*d*", "\\\\*\\\\*****", "\\\\\\\\"};
	char text[200];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		_cleanup_limit_ struct limit limit;

		snprintf(text, sizeof(text), "{\"key\":\"%s\",\"limit\":1,\"interval\":\"1ms\"}",
			 keys[i]);
		limit_must_parse(text, &limit);
	}
}

static void limit_unknown_name_of_any_length_is_quoted_whole_or_cut(void **state)
{
	struct field_error error = {0};
	struct limit limit = {0};
	char text[1000];

	snprintf(text, sizeof(text), "{\"%0200d\xE2\x82\xAC\":1}", 7);
	assert_int_equal(limit_from_text(text, &error, &limit), MODEL_E_INVALID);
	assert_int_equal(strlen(error.field), FIELD_NAME_SIZE - 1);
	assert_true(utf8_valid(error.field, strlen(error.field)));
}

static void limit_null_where_allowed_means_not_given(void **state)
{
	_cleanup_limit_ struct limit limit;

	limit_must_parse(WITH("\"burst\":null,\"name\":null"), &limit);
	assert_int_equal(limit.burst, 10);
	assert_false(limit.burst_given);
	assert_string_equal(limit.name, "");
}

static void limit_window_takes_its_own_limit_as_burst_only(void **state)
{
	struct field_error error = {0};
	_cleanup_limit_ struct limit limit = {0};
	struct limit refused = {0};
	int r;

	limit_must_parse(WITH("\"burst\":10,\"algorithm\":\"fixed_window\""), &limit);
	assert_int_equal(limit.burst, 10);
	assert_false(limit.burst_given);
	for (int burst = 9; burst <= 11; burst += 2) {
		char text[200];

		snprintf(text, sizeof(text), WITH("\"burst\":%d,\"algorithm\":\"sliding_window\""),
			 burst);
		r = limit_from_text(text, &error, &refused);
		limit_must_be_refused(r, &error, "burst", "must equal the limit (10)", text);
		assert_non_null(strstr(error.message, "sliding_window"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_of_three_members_gets_every_default),
		cmocka_unit_test(limit_of_every_member_is_read),
		cmocka_unit_test(limit_choices_are_read),
		cmocka_unit_test(limit_missing_or_unknown_members_are_refused),
		cmocka_unit_test(limit_of_wrong_types_is_refused),
		cmocka_unit_test(limit_of_wrong_values_is_refused),
		cmocka_unit_test(limit_of_what_comes_later_is_refused_saying_so),
		cmocka_unit_test(limit_members_of_the_service_are_refused),
		cmocka_unit_test(limit_text_lengths_are_bounded_in_bytes),
		cmocka_unit_test(limit_pattern_at_its_bounds_is_read),
		cmocka_unit_test(limit_unknown_name_of_any_length_is_quoted_whole_or_cut),
		cmocka_unit_test(limit_null_where_allowed_means_not_given),
		cmocka_unit_test(limit_window_takes_its_own_limit_as_burst_only),
	};

	return cmocka_run_group_tests_name("limit_parse", tests, NULL, NULL);
}
