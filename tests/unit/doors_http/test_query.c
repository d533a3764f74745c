/* Query strings: decoding, what is refused, and typed values. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/query.h"

static int parse(const char *text, size_t len, struct field_error *error, struct query *ret)
{
	static char copy[512];

	assert_true(len < sizeof(copy));
	memcpy(copy, text, len);
	memset(error, 0, sizeof(*error));
	return query_parse(copy, len, error, ret);
}

static void query_escapes_are_decoded_once(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{"key=user123", "user123"},
		{"key=a%20b+c", "a b c"},
		{"key=%2B%25%26%3D", "+%&="},
		{"key=%2525", "%25"},
		{"key=%c3%A9\xc3\xa9", "\xc3\xa9\xc3\xa9"},
		{"k%65y=x", "x"},
		{"key=a=b", "a=b"},
		{"&&key=x&&", "x"},
		{"key=", ""},
		{"key", ""},
		{"peek&key=x", "x"},
	};
	struct field_error error;
	struct query query;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &error, &query), 0);
		assert_non_null(query_get(&query, "key"));
		assert_string_equal(query_get(&query, "key")->value, rows[i].value);
		assert_int_equal(query_get(&query, "key")->value_len, strlen(rows[i].value));
	}
}

static void query_malformed_is_refused_naming_it(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *field;
	} rows[] = {
#define ROW(text, field) {text, sizeof(text) - 1, field}
		ROW("key=%", "key"),
		ROW("key=%2", "key"),
		ROW("key=%zz", "key"),
		ROW("key=%2g", "key"),
		ROW("key=%00", "key"),
		ROW("key=a\0b", "key"),
		ROW("key=\x1f", "key"),
		ROW("key=\x7f", "key"),
		ROW("key=a#b", "key"),
		ROW("key=%ff", "key"),
		ROW("key=%ed%a0%80", "key"),
		ROW("key=%c0%80", "key"),
		ROW("a=1&a=2", "a"),
		ROW("a=1&%61=2", "a"),
		ROW("a&a", "a"),
		ROW("=x", ""),
		ROW("%ff=x", ""),
		ROW("%00=x", ""),
		ROW("a&b&c&d&e&f&g&h&i", "i"),
#undef ROW
	};
	struct field_error error;
	struct query query;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text, rows[i].len, &error, &query), QUERY_E_INVALID);
		assert_string_equal(error.field, rows[i].field);
		assert_true(*error.message);
	}
}

static void query_unknown_parameter_is_refused(void **state)
{
	static const char *const names[] = {"key", "cost"};
	struct field_error error;
	struct query query;

	assert_int_equal(parse("key=a&cost=1", 12, &error, &query), 0);
	assert_int_equal(query_allow(&query, names, 2, &error), 0);
	assert_int_equal(query_allow(&query, names, 1, &error), QUERY_E_INVALID);
	assert_string_equal(error.field, "cost");
}

static void query_numbers_are_strict(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} rows[] = {
		{"cost=7", 0, 7},
		{"cost=-7", 0, -7},
		{"cost=9223372036854775807", 0, INT64_MAX},
		{"other=1", 0, 42},
		{"cost=9223372036854775808", QUERY_E_INVALID, 42},
		{"cost=", QUERY_E_INVALID, 42},
		{"cost=+1", QUERY_E_INVALID, 42},
		{"cost=%2b1", QUERY_E_INVALID, 42},
		{"cost=1.0", QUERY_E_INVALID, 42},
		{"cost=0x1", QUERY_E_INVALID, 42},
		{"cost=1 ", QUERY_E_INVALID, 42},
	};
	struct field_error error;
	struct query query;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = 42;

		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &error, &query), 0);
		assert_int_equal(query_get_s64(&query, "cost", &error, &value), rows[i].result);
		assert_true(value == rows[i].value);
	}
}

static void query_flags_take_few_words(void **state)
{
	static const struct {
		const char *text;
		int result;
		bool value;
	} rows[] = {
		{"peek=1", 0, true},
		{"peek=true", 0, true},
		{"peek", 0, true},
		{"peek=0", 0, false},
		{"peek=false", 0, false},
		{"other", 0, false},
		{"peek=yes", QUERY_E_INVALID, false},
		{"peek=2", QUERY_E_INVALID, false},
	};
	struct field_error error;
	struct query query;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool value = false;

		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &error, &query), 0);
		assert_int_equal(query_get_bool(&query, "peek", &error, &value), rows[i].result);
		assert_int_equal(value, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_escapes_are_decoded_once),
		cmocka_unit_test(query_malformed_is_refused_naming_it),
		cmocka_unit_test(query_unknown_parameter_is_refused),
		cmocka_unit_test(query_numbers_are_strict),
		cmocka_unit_test(query_flags_take_few_words),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
