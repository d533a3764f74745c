/* Checks: what is refused, what is consumed, and which limit is shown as the tightest. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "unit/service/rig.h"

static void check_key_unfit_is_refused_naming_it(void **state)
{
	static char long_key[ENGINE_KEY_MAX + 1];
	const struct {
		const char *key;
		size_t len;
	} rows[] = {
		{"", 0},     {long_key, sizeof(long_key)}, {"a\0b", 3}, {"\0", 1}, {"\xff", 1},
		{"\xc3", 1}, {"\xed\xa0\x80", 3},
	};
	struct rig *rig = *state;
	struct check_answer answer;

	memset(long_key, 'k', sizeof(long_key));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct check_request request = {rows[i].key, rows[i].len, 1, false};

		memset(&rig->error, 0, sizeof(rig->error));
		assert_int_equal(service_check(rig->service, &rig->who, &request, &rig->error,
					       &answer),
				 CHECK_E_INVALID);
		assert_string_equal(rig->error.field, "key");
		assert_true(rig->error.message[0]);
	}
	assert_int_equal(service_check(rig->service, &rig->who,
				       &(struct check_request){long_key, ENGINE_KEY_MAX, 1, false},
				       &rig->error, &answer),
			 0);
}

static void check_key_uncovered_is_allowed_without_limits(void **state)
{
	struct check_answer answer;

	assert_int_equal(rig_ask(*state, "nobody", 1, false, &answer), 0);
	assert_true(answer.allowed);
	assert_false(answer.limited);
	assert_int_equal(answer.verdict.count, 0);
}

static void check_known_key_counts_down_to_refusal(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("user123", 1000, "1m"), id);
	assert_int_equal(rig_ask(rig, "user123", 1, false, &answer), 0);
	assert_true(answer.allowed);
	assert_true(answer.limited);
	assert_int_equal(answer.tightest.limit, 1000);
	assert_int_equal(answer.tightest.remaining, 999);
	assert_int_equal(answer.tightest.retry_after_ms, 0);
	assert_int_equal(answer.tightest.reset_after_ms, 60);
	assert_string_equal(answer.verdict.hits[answer.tightest_hit].id, id);
	assert_int_equal(rig_count_allowed(rig, "user123", 1005), 999);
	assert_int_equal(rig_ask(rig, "user123", 1, false, &answer), 0);
	assert_false(answer.allowed);
	assert_int_equal(answer.tightest.remaining, 0);
	assert_int_equal(answer.tightest.retry_after_ms, 60);
	assert_int_equal(clock_advance_ms(&rig->clock, 59), 0);
	assert_false(rig_allows(rig, "user123", 1));
	assert_int_equal(clock_advance_ms(&rig->clock, 1), 0);
	assert_true(rig_allows(rig, "user123", 1));
}

static void check_peek_consumes_nothing_and_tells(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 2, "1m"), id);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rig_ask(rig, "k", 2, true, &answer), 0);
		assert_true(answer.allowed);
	}
	assert_int_equal(rig_ask(rig, "k", 3, true, &answer), 0);
	assert_false(answer.allowed);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 2);
	assert_int_equal(rig_ask(rig, "k", 1, true, &answer), 0);
	assert_false(answer.allowed);
}

static void check_refund_gives_back_but_no_more(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 3, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
	assert_true(rig_allows(rig, "k", -1));
	assert_int_equal(rig_count_allowed(rig, "k", 5), 1);
	assert_true(rig_allows(rig, "k", -1000000));
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
}

static void check_cost_of_any_size_is_answered(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 3, "1m"), id);
	assert_int_equal(rig_ask(rig, "k", INT64_MAX, false, &answer), 0);
	assert_false(answer.allowed);
	assert_true(answer.tightest.retry_after_ms == SLUICE_NEVER);
	assert_int_equal(answer.tightest.remaining, 3);
	assert_true(rig_allows(rig, "k", INT64_MIN));
	assert_true(rig_allows(rig, "k", 0));
	assert_int_equal(rig_count_allowed(rig, "k", 5), 3);
	assert_true(rig_allows(rig, "k", 0));
}

static void check_refused_by_one_charges_no_other(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("user1", 2, "1m"), id);
	rig_add(rig, RIG_LIMIT("user*", 5, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "user1", 10), 2);
	assert_int_equal(rig_count_allowed(rig, "user2", 10), 5);
	assert_true(rig_allows(rig, "user1", -2));
	/* user1's own bucket of the pattern was charged twice, and refunded twice. */
	assert_int_equal(rig_count_allowed(rig, "user1", 10), 2);
}

static const struct {
	const char *name;
	const char *bodies[3];
	int64_t cost;
	const char *tightest_limit_name;
	uint64_t retry_after_ms;
} orders[] = {
	{"fewest remaining of those that pass",
	 {"{\"key\":\"%s\",\"limit\":50,\"interval\":\"1s\",\"name\":\"b\"}",
	  "{\"key\":\"%s*\",\"limit\":10,\"interval\":\"1s\",\"name\":\"a\"}",
	  "{\"key\":\"*%s\",\"limit\":30,\"interval\":\"1s\",\"name\":\"c\"}"},
	 1,
	 "a",
	 0},
	{"a refusal before a pass",
	 {"{\"key\":\"%s*\",\"limit\":9,\"interval\":\"1s\",\"burst\":6,\"name\":\"p\"}",
	  "{\"key\":\"%s\",\"limit\":9,\"interval\":\"1s\",\"burst\":4,\"name\":\"r\"}", NULL},
	 5,
	 "r",
	 SLUICE_NEVER},
	{"fewest remaining of those that refuse, the longest wait of all",
	 {"{\"key\":\"%s\",\"limit\":8,\"interval\":\"1s\",\"name\":\"x\"}",
	  "{\"key\":\"%s*\",\"limit\":6,\"interval\":\"1s\",\"name\":\"y\"}",
	  "{\"key\":\"*%s\",\"limit\":20,\"interval\":\"1s\",\"name\":\"z\"}"},
	 9,
	 "y",
	 SLUICE_NEVER},
	{"a shadow limit never",
	 {"{\"key\":\"%s\",\"limit\":50,\"interval\":\"1s\",\"name\":\"e\"}",
	  "{\"key\":\"%s*\",\"limit\":2,\"interval\":\"1s\",\"mode\":\"shadow\","
	  "\"name\":\"s\"}",
	  NULL},
	 3,
	 "e",
	 0},
};

static void check_tightest_follows_order(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char key[32], body[256];

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		_cleanup_catalog_ struct catalog *catalog = NULL;
		const struct limit *limit;
		char id[ID_SIZE];

		print_message("# %s\n", orders[i].name);
		snprintf(key, sizeof(key), "row%zu-", i);
		for (int b = 0; b < 3 && orders[i].bodies[b]; b++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(body, sizeof(body), orders[i].bodies[b], key);
#pragma GCC diagnostic pop
			rig_add(rig, body, id);
		}
		assert_int_equal(rig_ask(rig, key, orders[i].cost, false, &answer), 0);
		assert_true(answer.limited);
		catalog = service_catalog_get(rig->service);
		limit = catalog_find(catalog, 0, answer.verdict.hits[answer.tightest_hit].id);
		assert_non_null(limit);
		assert_string_equal(limit->name, orders[i].tightest_limit_name);
		assert_int_equal(answer.tightest.limit, limit->limit);
		assert_true(answer.tightest.retry_after_ms == orders[i].retry_after_ms);
	}
}

/* Both have one left, so the older one is shown; its wait is the longer one too. */
static void check_retry_shrinks_as_time_passes(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char fast[ID_SIZE], slow[ID_SIZE];

	rig_add(rig, "{\"key\":\"k*\",\"limit\":10,\"interval\":\"100s\"}", slow);
	assert_true(rig_allows(rig, "k", 8));
	rig_add(rig, "{\"key\":\"k\",\"limit\":2,\"interval\":\"2s\"}", fast);
	assert_true(rig_allows(rig, "k", 1));
	assert_int_equal(rig_ask(rig, "k", 2, false, &answer), 0);
	assert_false(answer.allowed);
	assert_int_equal(answer.tightest.remaining, 1);
	assert_string_equal(answer.verdict.hits[answer.tightest_hit].id, slow);
	assert_int_equal(answer.tightest.retry_after_ms, 10000);
	assert_int_equal(clock_advance_ms(&rig->clock, 1000), 0);
	assert_int_equal(rig_ask(rig, "k", 2, false, &answer), 0);
	assert_int_equal(answer.tightest.retry_after_ms, 9000);
}

/* The tightest refuses for a short while, another one for long. */
static void check_retry_of_looser_limit_counts(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char fast[ID_SIZE], slow[ID_SIZE];

	rig_add(rig, "{\"key\":\"k\",\"limit\":4,\"interval\":\"4s\"}", fast);
	rig_add(rig, "{\"key\":\"k*\",\"limit\":5,\"interval\":\"500s\"}", slow);
	assert_true(rig_allows(rig, "k", 4));
	assert_int_equal(rig_ask(rig, "k", 2, false, &answer), 0);
	assert_false(answer.allowed);
	assert_string_equal(answer.verdict.hits[answer.tightest_hit].id, fast);
	assert_int_equal(answer.tightest.remaining, 0);
	assert_int_equal(answer.tightest.retry_after_ms, 100000);
	assert_int_equal(answer.tightest.reset_after_ms, 4000);
}

static void check_ms_are_rounded_up_and_never_stays(void **state)
{
	struct engine_hit hit = {
		.limit = 7,
		.figures = {.remaining = 3, .retry_after_ns = 1, .reset_after_ns = 1000001},
	};
	struct check_figures figures;

	check_figures_of(&hit, &figures);
	assert_int_equal(figures.limit, 7);
	assert_int_equal(figures.remaining, 3);
	assert_int_equal(figures.retry_after_ms, 1);
	assert_int_equal(figures.reset_after_ms, 2);
	hit.figures.reset_after_ns = 2000000;
	hit.figures.retry_after_ns = SLUICE_NEVER;
	check_figures_of(&hit, &figures);
	assert_int_equal(figures.reset_after_ms, 2);
	assert_true(figures.retry_after_ms == SLUICE_NEVER);
	hit.figures.retry_after_ns = SLUICE_NEVER - 1;
	check_figures_of(&hit, &figures);
	assert_int_equal(figures.retry_after_ms, (SLUICE_NEVER - 1) / 1000000 + 1);
}

static void check_shadow_alone_shows_no_tightest(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char id[ID_SIZE];

	rig_add(rig, "{\"key\":\"k\",\"limit\":1,\"interval\":\"1s\",\"mode\":\"shadow\"}", id);
	assert_int_equal(rig_count_allowed(rig, "k", 3), 3);
	assert_int_equal(rig_ask(rig, "k", 1, false, &answer), 0);
	assert_true(answer.allowed);
	assert_false(answer.limited);
	assert_int_equal(answer.verdict.count, 1);
}

static void check_live_keys_over_bound_are_refused(void **state)
{
	struct rig *rig = rig_new(NULL, 3);
	struct check_answer answer;
	char id[ID_SIZE], key[16];

	rig_add(rig, RIG_LIMIT("*", 2, "1m"), id);
	for (int i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_true(rig_allows(rig, key, 1));
	}
	assert_int_equal(rig_ask(rig, "key3", 1, false, &answer), CHECK_E_KEYS_MAX);
	assert_string_equal(rig->error.field, "key");
	assert_true(rig_allows(rig, "key0", 1));
	rig_free(rig);
}

static void check_key_of_too_many_limits_says_how_many(void **state)
{
	struct rig *rig = *state;
	struct check_answer answer;
	char id[ID_SIZE], body[128];

	for (int i = 0; i <= ENGINE_MATCH_MAX; i++) {
		snprintf(body, sizeof(body), "{\"key\":\"k\",\"limit\":5,\"interval\":\"%ds\"}",
			 i + 1);
		rig_add(rig, body, id);
		if (i == ENGINE_MATCH_MAX - 1)
			assert_true(rig_allows(rig, "k", 1));
	}
	assert_int_equal(rig_ask(rig, "k", 1, false, &answer), CHECK_E_INVALID);
	assert_string_equal(rig->error.field, "key");
	assert_non_null(strstr(rig->error.message, "64"));
	assert_int_equal(rig_delete(rig, id, 0), 0);
	assert_true(rig_allows(rig, "k", 1));
}

static void check_other_tenant_is_not_covered(void **state)
{
	struct rig *rig = *state;
	struct rig other;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 1, "1m"), id);
	assert_int_equal(rig_count_allowed(rig, "k", 3), 1);
	other = *rig;
	other.who.tenant_number = 1;
	assert_int_equal(rig_count_allowed(&other, "k", 3), 3);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(check_key_unfit_is_refused_naming_it),
		ON_RIG(check_key_uncovered_is_allowed_without_limits),
		ON_RIG(check_known_key_counts_down_to_refusal),
		ON_RIG(check_peek_consumes_nothing_and_tells),
		ON_RIG(check_refund_gives_back_but_no_more),
		ON_RIG(check_cost_of_any_size_is_answered),
		ON_RIG(check_refused_by_one_charges_no_other),
		ON_RIG(check_tightest_follows_order),
		ON_RIG(check_retry_shrinks_as_time_passes),
		ON_RIG(check_retry_of_looser_limit_counts),
		cmocka_unit_test(check_ms_are_rounded_up_and_never_stays),
		ON_RIG(check_shadow_alone_shows_no_tightest),
		cmocka_unit_test(check_live_keys_over_bound_are_refused),
		ON_RIG(check_key_of_too_many_limits_says_how_many),
		ON_RIG(check_other_tenant_is_not_covered),
	};

	return cmocka_run_group_tests_name("service/check", tests, rig_random, NULL);
}
