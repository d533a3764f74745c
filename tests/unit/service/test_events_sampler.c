/* The sampler: how many it takes, and that what they stand for is right. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/random.h"
#include "service/events.h"
#include "service/events_sampler_priv.h"
#include "unit/service/rig.h"

enum { TICK_AIM = EVENTS_SAMPLES_PER_S / EVENTS_TICKS_PER_S };

/* Each test goes on where the former ended, as one thread does. */
static uint32_t tick = 1;

struct drawn {
	uint64_t taken, weight;
};

static struct drawn draw(uint64_t checks)
{
	struct drawn drawn = {0};

	for (uint64_t i = 0; i < checks; i++) {
		uint32_t weight = sampler_draw(tick);

		drawn.taken += weight != 0;
		drawn.weight += weight;
	}
	return drawn;
}

static void few_checks_are_all_taken(void **state)
{
	for (int i = 0; i < 10; i++) {
		struct drawn drawn = draw(TICK_AIM / 2);

		assert_int_equal(drawn.taken, TICK_AIM / 2);
		assert_int_equal(drawn.weight, TICK_AIM / 2);
		tick++;
	}
}

/* From the second tick of a load on; chance is given five standard deviations. */
static void many_checks_are_taken_within_the_budget_and_weigh_right(void **state)
{
	static const uint64_t loads[] = {1000, 10000, 100000, 1000000};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		uint64_t weight = 0;

		for (int j = 0; j < 9; j++) {
			struct drawn drawn = draw(loads[i]);

			tick++;
			if (j == 0)
				continue;
			weight += drawn.weight;
			assert_in_range(drawn.taken, TICK_AIM / 4, TICK_AIM * 5 / 4);
		}
		assert_in_range(weight, 8 * loads[i] * 90 / 100, 8 * loads[i] * 110 / 100);
	}
	tick++;
}

/* The first tick of a flood after silence: N grows while it lasts. */
static void sudden_flood_stays_bounded_and_weighs_right(void **state)
{
	uint64_t weight = 0;

	for (int i = 0; i < 20; i++) {
		struct drawn drawn;

		tick += 1000;
		draw(1);
		tick += 1000;
		drawn = draw(1000000);
		assert_in_range(drawn.taken, TICK_AIM, 2 * TICK_AIM);
		weight += drawn.weight;
	}
	assert_in_range(weight, 20 * 1000000ULL * 85 / 100, 20 * 1000000ULL * 115 / 100);
	tick++;
}

static void load_that_falls_is_soon_taken_whole_again(void **state)
{
	draw(1000000);
	tick++;
	draw(100);
	tick++;
	assert_int_equal(draw(100).taken, 100);
	/* After a pause as well. */
	draw(1000000);
	tick += 100000;
	assert_in_range(draw(1000).taken, TICK_AIM / 2, 1000);
	tick++;
}

/* Every second check is of one key: each of the two gets its half. */
static void what_repeats_itself_is_not_favoured(void **state)
{
	uint64_t weights[2] = {0};

	draw(50000);
	for (int i = 0; i < 16; i++) {
		tick++;
		for (unsigned int j = 0; j < 50000; j++)
			weights[j % 2] += sampler_draw(tick);
	}
	/* 3,000 samples for each: five standard deviations are 9 %. */
	assert_in_range(weights[0], 400000 * 91 / 100, 400000 * 109 / 100);
	assert_in_range(weights[1], 400000 * 91 / 100, 400000 * 109 / 100);
}

static void count_sample(const struct sample *sample, void *data)
{
	++*(uint64_t *)data;
}

static void see(struct sampler *sampler, const struct clock *clock, const char *key, size_t len)
{
	static struct check_answer answer = {.allowed = true, .verdict.count = ENGINE_MATCH_MAX};
	const struct check_request request = {.key = key, .key_len = len, .cost = 1};
	const struct principal who = {.tenant_number = 3};

	sampler_see(sampler, clock, &who, &request, &answer);
}

/* The largest samples there are, and nobody who takes them out. */
static void samples_beyond_the_ring_are_dropped_and_counted(void **state)
{
	static struct sampler sampler;
	char key[ENGINE_KEY_MAX];
	uint64_t taken = 0, seen = 0;
	struct clock clock;

	clock_init_frozen(&clock);
	sampler_init(&sampler);
	memset(key, 'k', sizeof(key));
	/* Silence, so that all are taken. */
	tick += 100000;
	for (; seen < 100; seen++) {
		atomic_store(&sampler.tick, ++tick);
		see(&sampler, &clock, key, sizeof(key));
	}
	sampler_drain(&sampler, count_sample, &taken);
	assert_in_range(taken, RING_BYTES / RING_ENTRY_MAX, 99);
	assert_int_equal(taken + atomic_load(&sampler.lost), seen);
	/* Then there is room again. */
	atomic_store(&sampler.tick, ++tick);
	see(&sampler, &clock, key, sizeof(key));
	taken = 0;
	sampler_drain(&sampler, count_sample, &taken);
	assert_int_equal(taken, 1);
	sampler_done(&sampler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_checks_are_all_taken),
		cmocka_unit_test(many_checks_are_taken_within_the_budget_and_weigh_right),
		cmocka_unit_test(sudden_flood_stays_bounded_and_weighs_right),
		cmocka_unit_test(load_that_falls_is_soon_taken_whole_again),
		cmocka_unit_test(what_repeats_itself_is_not_favoured),
		cmocka_unit_test(samples_beyond_the_ring_are_dropped_and_counted),
	};

	return cmocka_run_group_tests_name("events_sampler", tests, rig_random, NULL);
}
