/* What an audit says of a change: the fields that differ, or the whole limit. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/writer.h"
#include "unit/model/limit_text.h"

#define PACKET "{\"scope\":\"packet\",\"match\":{\"dst_port\":53},\"limit\":5,\"interval\":\"1s\"}"

static void expect(const struct limit *before, const struct limit *after, const char *expected)
{
	_cleanup_buf_ struct buf text;
	struct json_writer writer;

	buf_init(&text);
	json_writer_init(&writer, &text);
	limit_write_change(before, after, &writer);
	assert_string_equal(text.data, expected);
}

static void make(const char *text, struct limit *ret)
{
	limit_must_parse(text, ret);
	strcpy(ret->id, "lim_1");
	ret->revision = 7;
	ret->created_at_ms = 1795466160123;
	ret->updated_at_ms = 1795466170456;
}

static void limit_change_has_the_fields_that_differ(void **state)
{
	_cleanup_limit_ struct limit before, after;

	make("{\"key\":\"k\",\"limit\":10,\"interval\":\"1m\"}", &before);
	assert_int_equal(limit_copy(&before, &after), 0);
	after.revision = 8;
	after.updated_at_ms++;
	expect(&before, &after, "{\"before\":{},\"after\":{}}");
	after.limit = after.burst = 20;
	strcpy(after.name, "\"n\"");
	after.mode = ENGINE_OFF;
	expect(&before, &after,
	       "{\"before\":{\"limit\":10,\"burst\":10,\"mode\":\"enforce\",\"name\":null},"
	       "\"after\":{\"limit\":20,\"burst\":20,\"mode\":\"off\",\"name\":\"\\\"n\\\"\"}}");
}

static void limit_change_of_a_field_that_comes_or_goes_is_null_on_one_side(void **state)
{
	_cleanup_limit_ struct limit before, after;

	make("{\"key\":\"k\",\"limit\":10,\"interval\":\"1m\"}", &before);
	assert_int_equal(limit_copy(&before, &after), 0);
	before.confirm_by_ms = 1795466160123;
	expect(&before, &after,
	       "{\"before\":{\"confirm_by\":\"2026-11-23T20:36:00.123Z\"},"
	       "\"after\":{\"confirm_by\":null}}");
}

static void limit_change_of_a_match_shows_both(void **state)
{
	_cleanup_limit_ struct limit before, after;
	struct field_error error;

	make(PACKET, &before);
	assert_int_equal(limit_update_from_text("{\"match\":{\"dst_port\":[53,54]}}", &before,
						&error, &after),
			 0);
	expect(&before, &after,
	       "{\"before\":{\"match\":{\"dst_port\":53}},\"after\":{\"match\":{\"dst_port\":[53,54]}}}");
}

static void limit_that_comes_or_goes_is_whole_but_for_its_revision(void **state)
{
	_cleanup_limit_ struct limit limit;
	_cleanup_buf_ struct buf expected;
	char *shown, *revision;

	make(PACKET, &limit);
	shown = limit_to_text(&limit);
	revision = strstr(shown, "\"revision\":7,");
	assert_non_null(revision);
	memmove(revision, revision + 13, strlen(revision + 13) + 1);
	buf_init(&expected);
	buf_printf(&expected, "{\"before\":null,\"after\":%s}", shown);
	expect(NULL, &limit, expected.data);
	buf_clear(&expected);
	buf_printf(&expected, "{\"before\":%s,\"after\":null}", shown);
	expect(&limit, NULL, expected.data);
	free(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_change_has_the_fields_that_differ),
		cmocka_unit_test(limit_change_of_a_field_that_comes_or_goes_is_null_on_one_side),
		cmocka_unit_test(limit_change_of_a_match_shows_both),
		cmocka_unit_test(limit_that_comes_or_goes_is_whole_but_for_its_revision),
	};

	return cmocka_run_group_tests_name("model/limit_change", tests, NULL, NULL);
}
