/* What listeners are told: rates, busiest keys, decisions; of their own tenant only. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/service_priv.h"
#include "unit/service/listening.h"

#define assert_near(value, wanted, by) \
	assert_true((value) >= (wanted) - (by) && (value) <= (wanted) + (by))

static int setup(void **state)
{
	rig_setup(state);
	listening_own_time(*state);
	return 0;
}

static int setup_packets(void **state)
{
	rig_setup_packets(state);
	listening_own_time(*state);
	return 0;
}

static void rates_are_what_was_counted_in_the_second(void **state)
{
	struct rig *rig = *state;
	char busy[ID_SIZE], quiet[ID_SIZE];
	struct listening *l;
	size_t at;

	rig_add(rig, RIG_LIMIT("a", 10, "1d"), quiet);
	rig_add(rig, RIG_LIMIT("b", 30, "1d"), busy);
	rig_count_allowed(rig, "b", 7);
	l = listening_new(rig, 0, "");
	rig_count_allowed(rig, "b", 50);
	rig_count_allowed(rig, "a", 4);
	listening_tick(rig, 3);
	assert_int_equal(l->rates_told, 0);
	listening_tick(rig, 1);
	assert_int_equal(l->rates_told, 1);
	assert_near(l->seconds, 1.0, 0.0001);
	assert_int_equal(l->n_limits, 2);
	assert_string_equal(l->ids[0], busy);
	assert_near(l->flows[0].allowed_per_s, 23, 0.01);
	assert_near(l->flows[0].denied_per_s, 27, 0.01);
	at = listening_find(l, quiet);
	assert_near(l->flows[at].allowed_per_s, 4, 0.01);
	assert_near(l->flows[at].denied_per_s, 0, 0.01);
	assert_int_equal(l->n_others, 0);
	assert_true(l->host_told);
	assert_near(l->checks_per_s[METRICS_CHECK_ALLOWED], 27, 0.01);
	assert_near(l->checks_per_s[METRICS_CHECK_DENIED], 27, 0.01);
	assert_int_equal(l->host.keys_live, 2);
	assert_false(l->host.packets_on);
	listening_tick(rig, 4);
	assert_int_equal(l->rates_told, 2);
	assert_near(l->flows[listening_find(l, busy)].denied_per_s, 0, 0.01);
	listening_free(l);
}

/* A tick that comes late makes the seconds longer, not the rates greater. */
static void late_second_gives_the_same_rates(void **state)
{
	struct rig *rig = *state;
	struct listening *l;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 1000, "1d"), id);
	l = listening_new(rig, 0, "");
	rig_count_allowed(rig, "a", 400);
	listening_tick(rig, 3);
	clock_advance_ms(&rig->clock, 3000);
	listening_tick(rig, 1);
	assert_near(l->seconds, 4.0, 0.0001);
	assert_near(l->flows[0].allowed_per_s, 100, 0.01);
	listening_free(l);
}

static void shadow_limit_tells_what_it_would_deny(void **state)
{
	struct rig *rig = *state;
	struct listening *l;
	char id[ID_SIZE];

	rig_add(rig, "{\"key\":\"a\",\"limit\":5,\"interval\":\"1d\",\"mode\":\"shadow\"}", id);
	l = listening_new(rig, 0, "");
	assert_int_equal(rig_count_allowed(rig, "a", 20), 20);
	listening_tick(rig, 4);
	assert_near(l->flows[0].allowed_per_s, 5, 0.01);
	assert_near(l->flows[0].denied_per_s, 15, 0.01);
	assert_near(l->keys[0][0].denied_per_s, 15, 0.01);
	listening_free(l);
}

static void peeks_and_refunds_are_no_checks(void **state)
{
	struct check_answer answer;
	struct rig *rig = *state;
	struct listening *l;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 5, "1d"), id);
	l = listening_new(rig, 0, "");
	assert_int_equal(rig_ask(rig, "a", 1, true, &answer), 0);
	assert_int_equal(rig_ask(rig, "a", -1, false, &answer), 0);
	listening_tick(rig, 4);
	assert_near(l->flows[0].allowed_per_s, 0, 0.01);
	assert_int_equal(l->n_keys[0], 0);
	/* A refund is a decision all the same. */
	assert_int_equal(l->n_decisions, 1);
	assert_int_equal(l->decisions[0].cost, -1);
	listening_free(l);
}

/* Keys are counted as limits are: not where the limit itself would have let it pass. */
static void check_that_another_limit_refused_is_no_check_of_this_one(void **state)
{
	struct rig *rig = *state;
	char broad[ID_SIZE], tight[ID_SIZE];
	struct listening *l;
	size_t at;

	rig_add(rig, RIG_LIMIT("*", 100, "1d"), broad);
	rig_add(rig, RIG_LIMIT("a", 3, "1d"), tight);
	l = listening_new(rig, 0, "");
	rig_count_allowed(rig, "a", 10);
	listening_tick(rig, 4);
	at = listening_find(l, broad);
	assert_near(l->flows[at].allowed_per_s, 3, 0.01);
	assert_near(l->keys[at][0].allowed_per_s, 3, 0.01);
	assert_near(l->keys[at][0].denied_per_s, 0, 0.01);
	at = listening_find(l, tight);
	assert_near(l->keys[at][0].allowed_per_s, 3, 0.01);
	assert_near(l->keys[at][0].denied_per_s, 7, 0.01);
	listening_free(l);
}

static void limits_beyond_the_busiest_are_summed_up(void **state)
{
	enum { MORE = 20 };
	struct rig *rig = *state;
	struct listening *l, *one;
	char body[100], key[20], id[ID_SIZE], first[ID_SIZE];

	for (int i = 0; i < EVENTS_LIMITS_MAX + MORE; i++) {
		snprintf(body, sizeof(body), RIG_LIMIT("k%d", 1000, "1d"), i);
		rig_add(rig, body, i ? id : first);
		snprintf(key, sizeof(key), "k%d", i);
		rig_count_allowed(rig, key, i != 0);
	}
	l = listening_new(rig, 0, "");
	one = listening_new(rig, 0, first);
	for (int i = 0; i < EVENTS_LIMITS_MAX + MORE; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		rig_count_allowed(rig, key, i < MORE ? 2 : 5);
	}
	listening_tick(rig, 4);
	assert_int_equal(l->n_limits, EVENTS_LIMITS_MAX);
	assert_int_equal(l->n_others, MORE);
	assert_near(l->others.allowed_per_s, 2 * MORE, 0.01);
	for (int i = 0; i < EVENTS_LIMITS_MAX; i++)
		assert_near(l->flows[i].allowed_per_s, 5, 0.01);
	/* Who asks for one gets that one, however quiet; its keys are followed from then on. */
	assert_int_equal(one->n_limits, 1);
	assert_string_equal(one->ids[0], first);
	assert_near(one->flows[0].allowed_per_s, 2, 0.01);
	assert_int_equal(one->n_others, 0);
	rig_count_allowed(rig, "k0", 3);
	for (int i = MORE; i < EVENTS_LIMITS_MAX + MORE; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		rig_count_allowed(rig, key, 5);
	}
	listening_tick(rig, 4);
	assert_int_equal(one->n_keys[0], 1);
	assert_string_equal(one->texts[0][0], "k0");
	assert_near(one->keys[0][0].allowed_per_s, 3, 0.01);
	listening_free(one);
	listening_free(l);
}

static void limits_that_come_and_go_are_told_as_long_as_they_are(void **state)
{
	char first[ID_SIZE], second[ID_SIZE];
	struct rig *rig = *state;
	struct listening *l;

	rig_add(rig, RIG_LIMIT("a", 1000, "1d"), first);
	l = listening_new(rig, 0, "");
	rig_add(rig, RIG_LIMIT("b", 1000, "1d"), second);
	rig_count_allowed(rig, "b", 10);
	listening_tick(rig, 4);
	assert_near(l->flows[listening_find(l, second)].allowed_per_s, 10, 0.01);
	assert_int_equal(rig_delete(rig, first, 0), 0);
	rig_count_allowed(rig, "b", 6);
	listening_tick(rig, 4);
	assert_int_equal(l->n_limits, 1);
	assert_near(l->flows[0].allowed_per_s, 6, 0.01);
	listening_free(l);
}

static void busiest_keys_come_first_and_fade(void **state)
{
	struct rig *rig = *state;
	struct listening *l;
	char id[ID_SIZE], key[20];

	rig_add(rig, RIG_LIMIT("u*", 10, "1d"), id);
	l = listening_new(rig, 0, "");
	for (int i = 0; i < 15; i++) {
		snprintf(key, sizeof(key), "u%d", i);
		rig_count_allowed(rig, key, (unsigned int)i + 1);
	}
	listening_tick(rig, 4);
	assert_int_equal(l->n_keys[0], EVENTS_KEYS_MAX);
	for (int i = 0; i < EVENTS_KEYS_MAX; i++) {
		snprintf(key, sizeof(key), "u%d", 14 - i);
		assert_string_equal(l->texts[0][i], key);
	}
	assert_near(l->keys[0][0].allowed_per_s, 10, 0.01);
	assert_near(l->keys[0][0].denied_per_s, 5, 0.01);
	/* A key that goes on at the same pace keeps its rate; one that stopped fades away. */
	for (int second = 0; second < 20; second++) {
		rig_count_allowed(rig, "u1", 2);
		listening_tick(rig, 4);
	}
	assert_string_equal(l->texts[0][0], "u1");
	assert_near(l->keys[0][0].allowed_per_s + l->keys[0][0].denied_per_s, 2, 0.01);
	assert_true(l->keys[0][1].denied_per_s < 0.1);
	listening_free(l);
}

static void decisions_are_few_and_refusals_first(void **state)
{
	struct rig *rig = *state;
	struct listening *l, *other;
	char id[ID_SIZE], quiet[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 100, "1d"), id);
	rig_add(rig, RIG_LIMIT("b", 100, "1d"), quiet);
	l = listening_new(rig, 0, "");
	other = listening_new(rig, 0, quiet);
	rig_count_allowed(rig, "a", 103);
	rig_count_allowed(rig, "nobody's", 1);
	listening_tick(rig, 1);
	assert_int_equal(l->n_decisions, EVENTS_DECISIONS_PER_TICK);
	assert_int_equal(other->n_decisions, 0);
	for (int i = 0; i < EVENTS_DECISIONS_PER_TICK; i++) {
		assert_int_equal(l->decisions[i].allowed, i >= 3);
		assert_int_equal(l->decisions[i].weight, 1);
		assert_int_equal(l->decisions[i].time_ms + 250, clock_utc_ms(&rig->clock));
	}
	assert_string_equal(l->decided[0], "a");
	assert_string_equal(l->decisions[0].limit, id);
	rig_count_allowed(rig, "nobody's", 1);
	listening_tick(rig, 1);
	assert_int_equal(l->n_decisions, EVENTS_DECISIONS_PER_TICK + 1);
	assert_string_equal(l->decided[EVENTS_DECISIONS_PER_TICK], "nobody's");
	assert_string_equal(l->decisions[EVENTS_DECISIONS_PER_TICK].limit, "");
	listening_tick(rig, 1);
	assert_int_equal(l->n_decisions, EVENTS_DECISIONS_PER_TICK + 1);
	listening_free(other);
	listening_free(l);
}

/* Of each listener's choice every sample has the same chance. */
static void allowed_decisions_are_chosen_from_the_whole_tick(void **state)
{
	struct rig *rig = *state;
	unsigned int late = 0;
	struct listening *l;
	char id[ID_SIZE], key[20];

	rig_add(rig, RIG_LIMIT("k*", 100, "1d"), id);
	l = listening_new(rig, 0, "");
	for (int tick = 0; tick < 100; tick++) {
		for (int i = 0; i < 100; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			rig_allows(rig, key, 1);
		}
		listening_tick(rig, 1);
	}
	assert_int_equal(l->n_decisions, 100 * EVENTS_DECISIONS_PER_TICK);
	for (size_t i = 0; i < l->n_decisions; i++)
		late += atoi(l->decided[i] + 1) >= 50;
	/* 250 are expected, 11 is one standard deviation. */
	assert_in_range(late, 190, 310);
	listening_free(l);
}

static void tenant_is_told_of_its_own_only(void **state)
{
	struct rig *rig = *state;
	struct listening *host, *other;
	char id[ID_SIZE];
	uint64_t revision;

	rig_write(rig, "tenants/other", "{\"schema\":1,\"number\":7}");
	revision = rig_write_limit_of(rig, "other", "lim_other", RIG_LIMIT("*", 3, "1d"));
	rig_settle(rig, revision);
	rig_add(rig, RIG_LIMIT("mine", 100, "1d"), id);
	host = listening_new(rig, 0, "");
	other = listening_new(rig, 7, "");
	rig_count_allowed(rig, "mine", 5);
	rig->who.tenant_number = 7;
	rig_count_allowed(rig, "theirs", 4);
	listening_tick(rig, 4);
	assert_int_equal(host->n_limits, 1);
	assert_string_equal(host->ids[0], id);
	assert_string_equal(host->texts[0][0], "mine");
	assert_int_equal(host->n_decisions, 5);
	assert_true(host->host_told);
	assert_int_equal(other->n_limits, 1);
	assert_string_equal(other->ids[0], "lim_other");
	assert_near(other->flows[0].denied_per_s, 1, 0.01);
	assert_near(other->checks_per_s[METRICS_CHECK_ALLOWED], 3, 0.01);
	assert_near(host->checks_per_s[METRICS_CHECK_ALLOWED], 5, 0.01);
	assert_string_equal(other->texts[0][0], "theirs");
	assert_int_equal(other->n_keys[0], 1);
	assert_int_equal(other->n_decisions, 4);
	for (size_t i = 0; i < other->n_decisions; i++)
		assert_string_equal(other->decided[i], "theirs");
	/* What the whole host does is not theirs to know. */
	assert_false(other->host_told);
	listening_free(other);
	listening_free(host);
}

static void newcomer_hears_of_half_a_second_at_least(void **state)
{
	struct rig *rig = *state;
	struct listening *first, *second;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 100, "1d"), id);
	rig_write(rig, "tenants/other", "{\"schema\":1,\"number\":7}");
	first = listening_new(rig, 0, "");
	listening_tick(rig, 3);
	second = listening_new(rig, 7, "");
	listening_tick(rig, 1);
	assert_int_equal(first->rates_told, 1);
	assert_int_equal(second->rates_told, 0);
	listening_tick(rig, 4);
	assert_int_equal(second->rates_told, 1);
	assert_near(second->seconds, 1.25, 0.0001);
	listening_free(second);
	listening_free(first);
}

static void nothing_is_sampled_while_nobody_listens(void **state)
{
	struct rig *rig = *state;
	struct sampler *sampler = &rig->service->events.sampler;
	struct listening *l;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("a", 100, "1d"), id);
	rig_count_allowed(rig, "a", 10);
	for (int i = 0; i < SAMPLER_RINGS; i++)
		assert_null(atomic_load(&sampler->slots[i].ring));
	l = listening_new(rig, 0, "");
	rig_count_allowed(rig, "a", 3);
	listening_free(l);
	assert_false(sampler_listens(sampler));
	/* What lay there when the last one went is not told to the next. */
	l = listening_new(rig, 0, "");
	listening_tick(rig, 4);
	assert_int_equal(l->n_decisions, 0);
	listening_free(l);
}

static void packets_are_told_with_bytes_and_reasons(void **state)
{
	struct rig *rig = *state;
	struct memory_pins *pins = rig->pins;
	struct listening *l;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	l = listening_new(rig, 0, "");
	pins->counts[rig_rule(rig, id)->slot] = (struct sluice_counts){40, 4000, 60, 6000};
	pins->reasons.refused += 60;
	listening_tick(rig, 4);
	assert_near(l->flows[0].allowed_per_s, 40, 0.01);
	assert_near(l->flows[0].denied_per_s, 60, 0.01);
	assert_near(l->flows[0].allowed_bytes_per_s, 4000, 0.01);
	assert_near(l->flows[0].denied_bytes_per_s, 6000, 0.01);
	assert_int_equal(l->n_keys[0], 0);
	assert_true(l->host.packets_on);
	assert_near(l->host.packets.refused, 60, 0.01);
	listening_free(l);
}

static void stop_ends_listeners_and_those_who_come_later(void **state)
{
	struct rig *rig = *state;
	struct listening *l = listening_new(rig, 0, "");

	events_stop(rig->service);
	assert_true(l->ended);
	listening_free(l);
	l = listening_new(rig, 0, "");
	assert_true(l->ended);
	listening_free(l);
	events_stop(rig->service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
		TEST(rates_are_what_was_counted_in_the_second),
		TEST(late_second_gives_the_same_rates),
		TEST(shadow_limit_tells_what_it_would_deny),
		TEST(peeks_and_refunds_are_no_checks),
		TEST(check_that_another_limit_refused_is_no_check_of_this_one),
		TEST(limits_beyond_the_busiest_are_summed_up),
		TEST(limits_that_come_and_go_are_told_as_long_as_they_are),
		TEST(busiest_keys_come_first_and_fade),
		TEST(decisions_are_few_and_refusals_first),
		TEST(allowed_decisions_are_chosen_from_the_whole_tick),
		TEST(tenant_is_told_of_its_own_only),
		TEST(newcomer_hears_of_half_a_second_at_least),
		TEST(nothing_is_sampled_while_nobody_listens),
		TEST(stop_ends_listeners_and_those_who_come_later),
		cmocka_unit_test_setup_teardown(packets_are_told_with_bytes_and_reasons,
						setup_packets, rig_teardown),
	};

	return cmocka_run_group_tests_name("events", tests, rig_random, NULL);
}
