/* The busiest keys of a stream: the bounds of Space-Saving, against exact counts. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/events_heavy_priv.h"

enum { KEYS = 2000, ADDED = 200000 };

#define SLACK 0.0001 /* of doubles */

static struct heavy *heavy;
static double truth[KEYS], denied[KEYS], total;
static uint64_t state;

static int setup(void **unused)
{
	heavy = calloc(1, sizeof(*heavy));
	memset(truth, 0, sizeof(truth));
	memset(denied, 0, sizeof(denied));
	total = 0;
	state = 88172645463325252ULL;
	return 0;
}

static int teardown(void **unused)
{
	free(heavy);
	return 0;
}

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

/* Few keys often, many seldom: about as 1, 1/2, 1/3... */
static unsigned int draw_key(void)
{
	return (unsigned int)(draw(KEYS) * draw(KEYS) * draw(KEYS) / KEYS / KEYS);
}

static size_t name_of(unsigned int key, char text[16])
{
	return (size_t)snprintf(text, 16, "key %u", key);
}

static void add(unsigned int key, double weight, bool is_denied)
{
	char text[16];
	size_t len = name_of(key, text);

	/* Four hashes for all keys: equal ones must not mix them up. */
	heavy_add(heavy, text, len, key % 4, weight, is_denied);
	truth[key] += weight;
	denied[key] += is_denied ? weight : 0;
	total += weight;
}

static unsigned int number_of(const struct heavy_key *key)
{
	char text[16] = "";

	memcpy(text, key->text, key->len);
	return (unsigned int)atoi(text + 4);
}

static void check_bounds(void)
{
	bool found[KEYS] = {false};

	for (size_t i = 0; i < heavy->n; i++) {
		const struct heavy_key *at = &heavy->keys[i];
		unsigned int key = number_of(at);

		assert_false(found[key]);
		found[key] = true;
		assert_true(at->allowed + at->denied <= truth[key] + SLACK);
		assert_true(at->denied <= denied[key] + SLACK);
		assert_true(at->count >= truth[key] - SLACK);
		assert_true(at->error <= total / HEAVY_KEYS + SLACK);
		assert_true(at->error + at->allowed + at->denied >= at->count - SLACK &&
			    at->error + at->allowed + at->denied <= at->count + SLACK);
	}
	for (unsigned int key = 0; key < KEYS; key++)
		assert_true(found[key] || truth[key] <= total / HEAVY_KEYS + SLACK);
}

static void every_bound_holds_over_a_long_stream(void **unused)
{
	for (int i = 0; i < ADDED; i++) {
		unsigned int key = draw_key();

		add(key, (double)(1 + draw(9)), key % 3 == 0);
		if (i % 10000 == 0)
			check_bounds();
	}
	check_bounds();
}

static void fading_keeps_every_bound(void **unused)
{
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < ADDED / 20; i++)
			add((draw_key() + (unsigned int)round * 7) % KEYS, 1, false);
		heavy_fade(heavy, 0.7);
		total *= 0.7;
		for (int key = 0; key < KEYS; key++)
			truth[key] *= 0.7;
		check_bounds();
	}
}

static void top_is_what_was_surely_seen_most(void **unused)
{
	const struct heavy_key *top[20];

	assert_int_equal(heavy_top(heavy, top, 20), 0);
	for (unsigned int key = 0; key < 12; key++)
		add(key, 1 + (key * 5) % 12, false);
	assert_int_equal(heavy_top(heavy, top, 20), 12);
	for (unsigned int i = 0; i < 12; i++)
		assert_true(truth[number_of(top[i])] == 12 - i);
	assert_int_equal(heavy_top(heavy, top, 5), 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(truth[number_of(top[i])] == 12 - i);
	/* What inherits a great count has been seen little. */
	for (unsigned int key = 12; key < HEAVY_KEYS; key++)
		add(key, 50, false);
	add(1000, 1, false);
	assert_int_equal(heavy_top(heavy, top, 20), 20);
	for (unsigned int i = 0; i < 20; i++)
		assert_true(number_of(top[i]) != 1000);
}

static void keys_of_any_bytes_and_length_are_told_apart(void **unused)
{
	char text[ENGINE_KEY_MAX];

	memset(text, 'x', sizeof(text));
	for (size_t len = ENGINE_KEY_MAX - 3; len <= ENGINE_KEY_MAX; len++)
		heavy_add(heavy, text, len, 1, 1, false);
	heavy_add(heavy, text, ENGINE_KEY_MAX, 1, 1, true);
	assert_int_equal(heavy->n, 4);
	assert_true(heavy->keys[3].allowed == 1 && heavy->keys[3].denied == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(every_bound_holds_over_a_long_stream),
		TEST(fading_keeps_every_bound),
		TEST(top_is_what_was_surely_seen_most),
		TEST(keys_of_any_bytes_and_length_are_told_apart),
	};

	return cmocka_run_group_tests_name("events_heavy", tests, NULL, NULL);
}
