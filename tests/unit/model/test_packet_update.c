/* A PUT changes which packets a limit is for, not what it counts by. */
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

#define BASE                                                                            \
	"{\"scope\":\"packet\",\"match\":{\"dst\":\"192.0.2.0/24\",\"proto\":\"udp\"}," \
	"\"per\":\"src/24\",\"limit\":1000,\"interval\":\"1m\",\"confirm\":\"60s\"}"
#define BASE6                                                                              \
	"{\"scope\":\"packet\",\"match\":{\"dst\":\"2001:db8::/32\"},\"per\":\"src/128\"," \
	"\"limit\":1000,\"interval\":\"1m\"}"
#define REQUESTS "{\"key\":\"k\",\"limit\":1000,\"interval\":\"1m\"}"

static void make_base(const char *text, struct limit *ret)
{
	limit_must_parse(text, ret);
	strcpy(ret->id, "lim_1");
	limit_date(ret, 1795466160123);
}

static void must_update(const char *text, const struct limit *base, struct limit *ret)
{
	struct field_error error = {0};

	if (limit_update_from_text(text, base, &error, ret) != 0)
		fail_msg("%s: %s %s", text, error.field, error.message);
}

static void update_replaces_the_match_as_a_whole(void **state)
{
	_cleanup_limit_ struct limit base, changed, freed;

	make_base(BASE, &base);
	must_update("{\"match\":{\"src\":\"::/0\"}}", &base, &changed);
	assert_int_equal(changed.match->n_dst, 0);
	assert_int_equal(changed.match->n_proto, 0);
	assert_int_equal(changed.match->n_src, 1);
	assert_int_equal(changed.match->per, SLUICE_PER_SRC);
	assert_int_equal(changed.match->per_length4, 24);
	assert_false(limit_same_subject(&base, &changed));
	must_update("{\"match\":{}}", &base, &freed);
	assert_true(packet_match_takes(freed.match, 6));
	/* The base is as it was. */
	assert_int_equal(base.match->n_dst, 1);
	assert_int_equal(base.match->n_src, 0);
}

static void update_without_a_match_keeps_it(void **state)
{
	_cleanup_limit_ struct limit base, changed;

	make_base(BASE, &base);
	must_update("{\"limit\":5,\"mode\":\"shadow\"}", &base, &changed);
	assert_ptr_not_equal(base.match, changed.match);
	assert_memory_equal(base.match, changed.match, sizeof(*base.match));
	assert_int_equal(changed.limit, 5);
	assert_int_equal(changed.confirm_by_ms, 1795466220123);
	assert_true(limit_same_subject(&base, &changed));
}

static void update_takes_back_what_was_shown(void **state)
{
	static const char *const texts[] = {BASE, BASE6, REQUESTS};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		static const struct limit_stats stats = {.allowed = 1};
		static const struct limit_capacity capacity = {.keys = 1};
		_cleanup_limit_ struct limit base, same;
		_cleanup_buf_ struct buf shown = {0};
		char *before, *after;

		make_base(texts[i], &base);
		limit_write(&base, &stats, &capacity, &shown);
		must_update(shown.data, &base, &same);
		before = limit_to_text(&base);
		after = limit_to_text(&same);
		assert_string_equal(before, after);
		free(before);
		free(after);
	}
}

static void update_takes_fixed_members_in_any_form_that_means_the_same(void **state)
{
	static const struct {
		const char *base, *text;
	} rows[] = {
		{BASE, "{\"per\":[\"src/24/64\"],\"unit\":\"packets\",\"scope\":\"packet\"}"},
		{BASE6, "{\"per\":\"src/32/128\"}"},
		/* per is read by the match that it was shown with. */
		{BASE6, "{\"per\":\"src/128\",\"match\":{\"src\":\"2001:db8::/33\"}}"},
		{BASE6, "{\"match\":{\"src\":\"::/0\"},\"per\":\"src/128\"}"},
		{REQUESTS, "{\"unit\":\"requests\",\"scope\":\"request\"}"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit base, changed;

		make_base(rows[i].base, &base);
		must_update(rows[i].text, &base, &changed);
	}
}

static void update_faults_are_refused_by_field(void **state)
{
	static const struct {
		const char *base, *text, *field, *piece;
	} rows[] = {
		{BASE, "{\"per\":null}", "per", "cannot change: make a new limit"},
		{BASE, "{\"per\":\"src\"}", "per", "cannot change"},
		{BASE, "{\"per\":\"dst/24\"}", "per", "cannot change"},
		{BASE, "{\"per\":\"x\"}", "per", "cannot change"},
		{BASE, "{\"per\":7}", "per", "must be a string"},
		{BASE, "{\"per\":[]}", "per", "exactly one value"},
		{BASE, "{\"unit\":\"bytes\"}", "unit", "cannot change: make a new limit"},
		{BASE, "{\"unit\":\"requests\"}", "unit", "cannot change"},
		{BASE, "{\"scope\":\"request\"}", "scope", "cannot change: make a new limit"},
		{BASE, "{\"key\":\"k\"}", "key", "belongs to limits of requests"},
		{BASE, "{\"confirm\":\"60s\"}", "confirm", "only when a limit is made"},
		{BASE, "{\"match\":null}", "match", "must be an object"},
		{BASE, "{\"match\":{\"dst\":\"10.0.0.1/8\"}}", "match.dst", "bits set"},
		{BASE6, "{\"match\":{}}", "match", "because per counts by IPv6 /128"},
		{BASE6, "{\"match\":{\"dst\":\"10.0.0.0/8\"}}", "match", "IPv6 addresses only"},
		{REQUESTS, "{\"match\":{}}", "match", "this is one of requests"},
		{REQUESTS, "{\"per\":null}", "per", "this is one of requests"},
		{REQUESTS, "{\"unit\":\"packets\"}", "unit", "cannot change"},
		{REQUESTS, "{\"scope\":\"packet\"}", "scope", "cannot change"},
		{REQUESTS, "{\"scope\":\"world\"}", "scope", "cannot change"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit base;
		struct field_error error = {0};
		struct limit limit = {.limit = 77};
		int r;

		make_base(rows[i].base, &base);
		r = limit_update_from_text(rows[i].text, &base, &error, &limit);
		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, rows[i].text);
		assert_int_equal(limit.limit, 77);
		assert_null(limit.match);
	}
}

static void update_to_a_window_is_unsupported(void **state)
{
	_cleanup_limit_ struct limit base;
	struct field_error error = {0};
	struct limit limit;
	int r;

	make_base(BASE, &base);
	r = limit_update_from_text("{\"algorithm\":\"fixed_window\"}", &base, &error, &limit);
	assert_int_equal(r, MODEL_E_UNSUPPORTED);
	assert_string_equal(error.field, "algorithm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(update_replaces_the_match_as_a_whole),
		cmocka_unit_test(update_without_a_match_keeps_it),
		cmocka_unit_test(update_takes_back_what_was_shown),
		cmocka_unit_test(update_takes_fixed_members_in_any_form_that_means_the_same),
		cmocka_unit_test(update_faults_are_refused_by_field),
		cmocka_unit_test(update_to_a_window_is_unsupported),
	};

	return cmocka_run_group_tests_name("packet_update", tests, NULL, NULL);
}
