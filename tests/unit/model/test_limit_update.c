/* A PUT changes what it names and nothing else. */
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

#define BASE   "{\"key\":\"user*\",\"limit\":1000,\"interval\":\"1m\",\"name\":\"Users\"}"
#define BURSTY "{\"key\":\"user*\",\"limit\":1000,\"interval\":\"1m\",\"burst\":50}"

static void make_base(const char *text, struct limit *ret)
{
	limit_must_parse(text, ret);
	strcpy(ret->id, "lim_1");
	ret->revision = 7;
	ret->created_at_ms = 1795466160123;
	ret->updated_at_ms = 1795466170456;
}

static void must_update(const char *text, const struct limit *base, struct limit *ret)
{
	struct field_error error = {0};

	if (limit_update_from_text(text, base, &error, ret) != 0)
		fail_msg("%s: %s %s", text, error.field, error.message);
}

/* `from` replaced by `to` once in what GET shows: a client that edits and sends back. */
static char *edit_shown(const struct limit *limit, const char *from, const char *to)
{
	char *shown = limit_to_text(limit), *edited = malloc(4096);
	char *at = strstr(shown, from);

	assert_non_null(at);
	assert_non_null(edited);
	snprintf(edited, 4096, "%.*s%s%s", (int)(at - shown), shown, to, at + strlen(from));
	free(shown);
	return edited;
}

static void update_of_nothing_changes_nothing(void **state)
{
	_cleanup_limit_ struct limit base, same;
	char *before, *after;

	make_base(BURSTY, &base);
	must_update("{}", &base, &same);
	before = limit_to_text(&base);
	after = limit_to_text(&same);
	assert_string_equal(before, after);
	assert_ptr_not_equal(base.key, same.key);
	assert_true(same.burst_given);
	free(before);
	free(after);
}

static void update_changes_only_what_it_names(void **state)
{
	_cleanup_limit_ struct limit base, changed;

	make_base(BASE, &base);
	must_update("{\"mode\":\"off\",\"interval\":\"2m\"}", &base, &changed);
	assert_int_equal(changed.mode, ENGINE_OFF);
	assert_int_equal(changed.interval_ns, 2 * base.interval_ns);
	assert_int_equal(changed.limit, 1000);
	assert_string_equal(changed.name, "Users");
	assert_string_equal(changed.key, "user*");
	assert_string_equal(changed.id, "lim_1");
	assert_int_equal(changed.revision, 7);
	assert_int_equal(changed.created_at_ms, base.created_at_ms);
	assert_int_equal(changed.updated_at_ms, base.updated_at_ms);
	/* The base is as it was. */
	assert_int_equal(base.mode, ENGINE_ENFORCE);
}

static void update_takes_the_name_away_by_null(void **state)
{
	_cleanup_limit_ struct limit base, changed;

	make_base(BASE, &base);
	must_update("{\"name\":null}", &base, &changed);
	assert_string_equal(changed.name, "");
}

static void update_of_the_limit_moves_a_burst_that_was_never_given(void **state)
{
	_cleanup_limit_ struct limit base, changed;

	make_base(BASE, &base);
	must_update("{\"limit\":2000}", &base, &changed);
	assert_int_equal(changed.limit, 2000);
	assert_int_equal(changed.burst, 2000);
	assert_false(changed.burst_given);
}

static void update_of_the_limit_leaves_a_burst_that_was_given(void **state)
{
	_cleanup_limit_ struct limit base, changed, freed;

	make_base(BURSTY, &base);
	must_update("{\"limit\":2000}", &base, &changed);
	assert_int_equal(changed.burst, 50);
	assert_true(changed.burst_given);
	must_update("{\"burst\":null}", &base, &freed);
	assert_int_equal(freed.burst, 1000);
	assert_false(freed.burst_given);
}

static void update_with_a_burst_gives_it(void **state)
{
	_cleanup_limit_ struct limit base, changed, lower;

	make_base(BASE, &base);
	must_update("{\"burst\":1000}", &base, &changed);
	assert_true(changed.burst_given);
	must_update("{\"limit\":100,\"burst\":1000}", &base, &lower);
	assert_int_equal(lower.limit, 100);
	assert_int_equal(lower.burst, 1000);
}

static void update_by_the_shown_limit_sent_back_keeps_the_burst_free(void **state)
{
	_cleanup_limit_ struct limit base, changed, windowed;
	char *edited;

	make_base(BASE, &base);
	edited = edit_shown(&base, "\"limit\":1000", "\"limit\":2000");
	must_update(edited, &base, &changed);
	free(edited);
	assert_int_equal(changed.limit, 2000);
	assert_int_equal(changed.burst, 2000);
	assert_false(changed.burst_given);

	edited = edit_shown(&base, "\"limit\":1000", "\"stats\":{\"allowed\":1},\"limit\":2000");
	must_update(edited, &base, &windowed);
	free(edited);
	assert_int_equal(windowed.burst, 2000);
}

static void update_by_the_shown_limit_keeps_an_edited_burst(void **state)
{
	_cleanup_limit_ struct limit base, changed;
	char *edited;

	make_base(BASE, &base);
	edited = edit_shown(&base, "\"burst\":1000", "\"burst\":60");
	must_update(edited, &base, &changed);
	free(edited);
	assert_int_equal(changed.burst, 60);
	assert_true(changed.burst_given);
}

static void update_of_a_windows_limit_by_what_was_shown_passes(void **state)
{
	_cleanup_limit_ struct limit base, changed;
	char *edited;

	make_base("{\"key\":\"k\",\"limit\":10,\"interval\":\"1m\",\"algorithm\":\"fixed_window\"}",
		  &base);
	edited = edit_shown(&base, "\"limit\":10", "\"limit\":20");
	must_update(edited, &base, &changed);
	free(edited);
	assert_int_equal(changed.limit, 20);
	assert_int_equal(changed.burst, 20);
}

static void update_ignores_read_only_members_whatever_they_say(void **state)
{
	_cleanup_limit_ struct limit base, changed;

	make_base(BASE, &base);
	must_update("{\"id\":\"lim_1\",\"key\":\"user*\",\"scope\":\"request\",\"revision\":99,"
		    "\"created_at\":null,\"updated_at\":5,\"origin\":\"file\",\"stats\":[],"
		    "\"limit\":5}",
		    &base, &changed);
	assert_int_equal(changed.limit, 5);
	assert_int_equal(changed.revision, 7);
	assert_int_equal(changed.created_at_ms, base.created_at_ms);
	assert_string_equal(changed.origin, "api");
}

static void update_faults_are_refused_by_field(void **state)
{
	static const struct {
		const char *text, *field, *piece;
	} rows[] = {
		{"[]", "", "must be an object"},
		{"{\"id\":\"lim_2\"}", "id", "cannot change: make a new limit"},
		{"{\"id\":\"\"}", "id", "cannot change"},
		{"{\"id\":7}", "id", "must be a string, not an integer"},
		{"{\"key\":\"user1\"}", "key", "cannot change: make a new limit"},
		{"{\"key\":\"user\"}", "key", "cannot change"},
		{"{\"key\":\"user**\"}", "key", "cannot change"},
		{"{\"key\":null}", "key", "must be a string, not null"},
		{"{\"scope\":\"packet\"}", "scope", "cannot change: make a new limit"},
		{"{\"limit\":0}", "limit", "must be at least 1"},
		{"{\"limit\":\"5\"}", "limit", "must be an integer, not a string"},
		{"{\"limits\":5}", "limits", "did you mean \"limit\"?"},
		{"{\"match\":{}}", "match", "limits of packets"},
		{"{\"schema\":1}", "schema", "is not a field of a limit"},
		{"{\"interval\":\"400d\"}", "interval", "to \"365d\""},
		{"{\"strategy\":\"shared\"}", "strategy", "needs Redis"},
		{"{\"algorithm\":\"fixed_window\"}", "burst", "must equal the limit (1000)"},
		{"{\"algorithm\":\"sliding_window\",\"limit\":16777216,\"burst\":null}", "limit",
		 "must be at most 16777215"},
	};
	_cleanup_limit_ struct limit base;

	make_base(BURSTY, &base);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct field_error error = {0};
		struct limit limit = {.limit = 77};
		int r = limit_update_from_text(rows[i].text, &base, &error, &limit);

		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, rows[i].text);
		assert_int_equal(limit.limit, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(update_of_nothing_changes_nothing),
		cmocka_unit_test(update_changes_only_what_it_names),
		cmocka_unit_test(update_takes_the_name_away_by_null),
		cmocka_unit_test(update_of_the_limit_moves_a_burst_that_was_never_given),
		cmocka_unit_test(update_of_the_limit_leaves_a_burst_that_was_given),
		cmocka_unit_test(update_with_a_burst_gives_it),
		cmocka_unit_test(update_by_the_shown_limit_sent_back_keeps_the_burst_free),
		cmocka_unit_test(update_by_the_shown_limit_keeps_an_edited_burst),
		cmocka_unit_test(update_of_a_windows_limit_by_what_was_shown_passes),
		cmocka_unit_test(update_ignores_read_only_members_whatever_they_say),
		cmocka_unit_test(update_faults_are_refused_by_field),
	};

	return cmocka_run_group_tests_name("limit_update", tests, NULL, NULL);
}
