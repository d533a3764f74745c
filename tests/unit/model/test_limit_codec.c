/* A limit is shown under its promised names, and loaded as it was saved. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

/* A saved record, with parts that rows of the tables below replace. */
#define RECORD_TEXT                                                                         \
	"{\"schema\":1,\"id\":\"lim_1\",\"scope\":\"request\",\"key\":\"k*\",\"limit\":10," \
	"\"interval\":\"1m\",\"burst\":25,\"algorithm\":\"token_bucket\","                  \
	"\"unit\":\"requests\",\"mode\":\"enforce\",\"strategy\":\"local\","                \
	"\"on_failure\":\"local_share\",\"name\":null,\"origin\":\"api\",\"revision\":3,"   \
	"\"created_at\":\"2026-11-23T20:36:00.123Z\","                                      \
	"\"updated_at\":\"2026-11-23T20:36:01.000Z\"}"

static void make_limit(const char *text, struct limit *ret)
{
	limit_must_parse(text, ret);
	strcpy(ret->id, "lim_1");
	ret->revision = 7;
	ret->created_at_ms = 1795466160123;
	ret->updated_at_ms = 1795466170456;
}

static void limit_is_shown_with_the_promised_names(void **state)
{
	_cleanup_limit_ struct limit limit;
	_cleanup_buf_ struct buf buf;

	make_limit("{\"key\":\"a\\\"*\",\"limit\":9007199254740993,\"interval\":\"365d\","
		   "\"burst\":3}",
		   &limit);
	buf_init(&buf);
	limit_write(&limit, NULL, NULL, &buf);
	assert_string_equal(
		buf.data,
		"{\"id\":\"lim_1\",\"scope\":\"request\",\"key\":\"a\\\"*\","
		"\"limit\":9007199254740993,\"interval\":\"365d\",\"burst\":3,"
		"\"algorithm\":\"token_bucket\",\"unit\":\"requests\",\"mode\":\"enforce\","
		"\"strategy\":\"local\",\"on_failure\":\"local_share\",\"name\":null,"
		"\"origin\":\"api\",\"revision\":7,\"created_at\":\"2026-11-23T20:36:00.123Z\","
		"\"updated_at\":\"2026-11-23T20:36:10.456Z\"}");
}

static void limit_is_shown_with_stats(void **state)
{
	static const struct limit_stats stats = {.allowed = UINT64_MAX, .denied = 2};
	static const char end[] = ",\"stats\":{\"allowed\":18446744073709551615,\"denied\":2}}";
	_cleanup_limit_ struct limit limit;
	_cleanup_buf_ struct buf buf;

	make_limit("{\"key\":\"k\",\"limit\":1,\"interval\":\"1ms\",\"name\":\"N\"}", &limit);
	buf_init(&buf);
	limit_write(&limit, &stats, NULL, &buf);
	assert_non_null(strstr(buf.data, "\"name\":\"N\""));
	/* A burst that was not given is shown all the same. */
	assert_non_null(strstr(buf.data, "\"burst\":1"));
	assert_string_equal(buf.data + buf.len - strlen(end), end);
}

static void limit_loads_as_it_was_saved(void **state)
{
	static const char *const texts[] = {
		"{\"key\":\"k\",\"limit\":1,\"interval\":\"1ms\"}",
		"{\"key\":\"\\u0001\\n\\\"\xF0\x9F\x98\x80*\",\"limit\":1,\"interval\":\"1d\","
		"\"name\":\"N\\\"\"}",
		"{\"key\":\"k\",\"limit\":1000,\"interval\":\"1h\",\"burst\":1000}",
		"{\"key\":\"k\",\"limit\":9007199254740993,\"interval\":\"365d\",\"burst\":1}",
		"{\"key\":\"k\",\"limit\":281474976710655,\"interval\":\"90s\","
		"\"algorithm\":\"fixed_window\",\"mode\":\"off\",\"on_failure\":\"open\"}",
		"{\"key\":\"k\",\"limit\":16777215,\"interval\":\"1s\","
		"\"algorithm\":\"sliding_window\",\"mode\":\"shadow\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_limit_ struct limit limit = {0}, loaded = {0};
		_cleanup_buf_ struct buf first, second;
		struct field_error error = {0};
		char *shown, *shown_again;

		make_limit(texts[i], &limit);
		buf_init(&first);
		buf_init(&second);
		limit_save(&limit, &first);
		if (limit_load(first.data, first.len, &error, &loaded) != 0)
			fail_msg("%s: %s %s", first.data, error.field, error.message);
		limit_save(&loaded, &second);
		assert_string_equal(first.data, second.data);
		shown = limit_to_text(&limit);
		shown_again = limit_to_text(&loaded);
		assert_string_equal(shown, shown_again);
		assert_int_equal(limit.burst_given, loaded.burst_given);
		assert_int_equal(limit.burst, loaded.burst);
		free(shown);
		free(shown_again);
	}
}

static void limit_record_of_the_first_schema_is_read(void **state)
{
	_cleanup_limit_ struct limit limit = {0};
	struct field_error error = {0};

	if (limit_load(RECORD_TEXT, strlen(RECORD_TEXT), &error, &limit) != 0)
		fail_msg("%s %s", error.field, error.message);
	assert_string_equal(limit.id, "lim_1");
	assert_int_equal(limit.burst, 25);
	assert_true(limit.burst_given);
	assert_int_equal(limit.revision, 3);
	assert_int_equal(limit.created_at_ms, 1795466160123);
	assert_string_equal(limit.name, "");
}

static void limit_record_that_is_corrupt_is_refused_by_field(void **state)
{
	static const struct {
		const char *from, *to, *field, *piece;
	} rows[] = {
		{"\"schema\":1", "\"schema\":2", "schema", "newer version"},
		{"\"schema\":1,", "\"schema\":2,\"unheard\":[],", "schema", "newer version"},
		{"\"schema\":1", "\"unheard\":[],\"schema\":2", "schema", "newer version"},
		{"\"schema\":1", "\"schema\":0", "schema", "at least 1"},
		{"\"schema\":1", "\"schema\":\"1\"", "schema", "must be an integer"},
		{"\"schema\":1,", "", "schema", "is required"},
		{"\"id\":\"lim_1\"", "\"id\":\"\"", "id", "letters, digits"},
		{"\"id\":\"lim_1\"", "\"id\":\"../x\"", "id", "letters, digits"},
		{"\"id\":\"lim_1\"", "\"id\":\"lim_aaaaaaaaaabbbbbbbbbbcccccccc\"", "id",
		 "1 to 31"},
		{"\"id\":\"lim_1\",", "", "id", "is required"},
		{"\"key\":\"k*\",", "", "key", "is required"},
		{"\"key\":\"k*\"", "\"key\":\"*****\"", "key", "at most 4"},
		{"\"limit\":10", "\"limit\":0", "limit", "at least 1"},
		{"\"limit\":10,", "", "limit", "is required"},
		{"\"interval\":\"1m\"", "\"interval\":\"1y\"", "interval", "whole number"},
		{"\"burst\":25", "\"burst\":0", "burst", "at least 1"},
		{"\"algorithm\":\"token_bucket\"", "\"algorithm\":\"x\"", "algorithm", "must be"},
		{"\"algorithm\":\"token_bucket\"", "\"algorithm\":\"fixed_window\"", "burst",
		 "must equal the limit"},
		{"\"mode\":\"enforce\",", "", "mode", "is required"},
		{"\"name\":null,", "", "name", "is required"},
		{"\"origin\":\"api\"", "\"origin\":\"sixteen_letters_\"", "origin", "1 to 15"},
		{"\"revision\":3", "\"revision\":-3", "revision", "must not be negative"},
		{"\"revision\":3", "\"revision\":3.5", "revision", "must be an integer"},
		{"\"created_at\":\"2026-11-23", "\"created_at\":\"2026-11-31", "created_at",
		 "a time"},
		{"\"updated_at\":\"2026-11-23", "\"updated_at\":\"x026-11-23", "updated_at",
		 "a time"},
		{"\"name\":null", "\"nam\":null", "nam", "is not a field"},
		{"\"name\":null", "\"stats\":{}", "stats", "is not a field"},
		{"\"name\":null", "\"match\":{}", "match", "belongs to limits of packets"},
		{"\"name\":null", "\"name\":null,\"name\":null", "", "same member twice"},
		{"{\"schema\":1", "[{\"schema\":1", "", "not JSON"},
	};
	char text[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = strstr(RECORD_TEXT, rows[i].from);
		struct limit limit = {.limit = 77};
		struct field_error error = {0};
		int r;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - RECORD_TEXT), RECORD_TEXT,
			 rows[i].to, at + strlen(rows[i].from));
		r = limit_load(text, strlen(text), &error, &limit);
		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, text);
		assert_int_equal(limit.limit, 77);
	}
}

static void limit_record_cut_anywhere_is_refused(void **state)
{
	for (size_t len = 0; len < strlen(RECORD_TEXT); len++) {
		struct field_error error = {0};
		struct limit limit;

		assert_int_equal(limit_load(RECORD_TEXT, len, &error, &limit), MODEL_E_INVALID);
	}
	assert_int_equal(limit_load("[]", 2, NULL, &(struct limit){0}), MODEL_E_INVALID);
}

static void limit_record_over_its_size_is_refused_unread(void **state)
{
	struct field_error error = {0};
	struct limit limit;

	/* The length lies: had it been read, the sanitizer would say so. */
	assert_int_equal(limit_load("{}", LIMIT_RECORD_MAX + 1, &error, &limit), MODEL_E_INVALID);
	assert_non_null(strstr(error.message, "larger than 65536 bytes"));
}

static void limit_copy_stands_alone(void **state)
{
	_cleanup_limit_ struct limit copy;
	char *before, *after;
	struct limit limit;

	make_limit("{\"key\":\"key\",\"limit\":5,\"interval\":\"1m\"}", &limit);
	before = limit_to_text(&limit);
	assert_int_equal(limit_copy(&limit, &copy), 0);
	memset(limit.key, 'x', limit.key_len);
	limit_done(&limit);
	after = limit_to_text(&copy);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void limit_subject_is_equal_exactly_for_the_same_subject(void **state)
{
	/* Neighbours share a subject if `same` says so. */
	static const struct {
		const char *text;
		bool same;
	} rows[] = {
		{"{\"key\":\"a\",\"limit\":1,\"interval\":\"1m\"}", false},
		{"{\"key\":\"a\",\"limit\":9,\"interval\":\"60s\",\"burst\":3,\"name\":\"x\","
		 "\"mode\":\"off\"}",
		 true},
		{"{\"key\":\"a\",\"limit\":1,\"interval\":\"2m\"}", false},
		{"{\"key\":\"a\",\"limit\":1,\"interval\":\"2m\",\"algorithm\":\"fixed_window\"}",
		 false},
		{"{\"key\":\"b\",\"limit\":1,\"interval\":\"2m\",\"algorithm\":\"fixed_window\"}",
		 false},
		{"{\"key\":\"b:1\",\"limit\":1,\"interval\":\"2m\",\"algorithm\":\"fixed_window\"}",
		 false},
		{"{\"key\":\"b\xC3\xA4\",\"limit\":1,\"interval\":\"2m\",\"algorithm\":\"fixed_window\"}",
		 false},
		{"{\"key\":\"b\\u00e4\",\"limit\":2,\"interval\":\"120s\","
		 "\"algorithm\":\"fixed_window\"}",
		 true},
	};
	_cleanup_limit_ struct limit before = {0};
	_cleanup_buf_ struct buf before_text = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text;
		struct limit limit;

		limit_must_parse(rows[i].text, &limit);
		buf_init(&text);
		limit_subject(&limit, &text);
		if (i > 0) {
			bool same_text = strcmp(text.data, before_text.data) == 0;

			assert_int_equal(limit_same_subject(&limit, &before), rows[i].same);
			assert_int_equal(same_text, rows[i].same);
		}
		limit_done(&before);
		buf_done(&before_text);
		before = limit;
		before_text = text;
	}
	assert_string_equal(before_text.data, "request:fixed_window:120000000000:3:b\xC3\xA4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_shown_with_the_promised_names),
		cmocka_unit_test(limit_is_shown_with_stats),
		cmocka_unit_test(limit_loads_as_it_was_saved),
		cmocka_unit_test(limit_record_of_the_first_schema_is_read),
		cmocka_unit_test(limit_record_that_is_corrupt_is_refused_by_field),
		cmocka_unit_test(limit_record_cut_anywhere_is_refused),
		cmocka_unit_test(limit_record_over_its_size_is_refused_unread),
		cmocka_unit_test(limit_copy_stands_alone),
		cmocka_unit_test(limit_subject_is_equal_exactly_for_the_same_subject),
	};

	return cmocka_run_group_tests_name("limit_codec", tests, NULL, NULL);
}
