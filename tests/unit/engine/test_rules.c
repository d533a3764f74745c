/* Which limits cover a key: as a plain matcher says, and at a cost that many patterns do not raise. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "unit/engine/kit.h"
#include "unit/engine/plain.h"

enum { TEXT_MAX = 16, LIMITS = 30, MANY = 10000 };

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Two letters, so that all of a pattern stands in many places of a key. */
static void make_text(uint32_t *state, unsigned int stars, char text[TEXT_MAX + 1])
{
	size_t len = 1 + next_random(state) % TEXT_MAX;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + next_random(state) % 2);
	for (unsigned int i = 0; i < stars; i++)
		text[next_random(state) % len] = '*';
	text[len] = '\0';
}

struct model {
	char patterns[LIMITS][TEXT_MAX + 1]; /* "": none */
	unsigned int since[LIMITS], made;
};

static void change_limit(struct engine *engine, struct model *model, uint32_t *state)
{
	unsigned int number = next_random(state) % LIMITS;
	char id[16], *pattern = model->patterns[number];

	snprintf(id, sizeof(id), "%u", number);
	if (*pattern && next_random(state) % 3 == 0) {
		kit_delete(engine, id, START_NS);
		*pattern = '\0';
		return;
	}
	if (!*pattern)
		model->since[number] = ++model->made;
	make_text(state, next_random(state) % 5, pattern);
	kit_limit(engine, id, pattern, 1000000);
}

static void compare_key(struct engine *engine, const struct model *model, uint32_t *state)
{
	struct engine_verdict verdict;
	char key[TEXT_MAX + 1];
	unsigned int since = 0, covering = 0;

	make_text(state, 0, key);
	assert_int_equal(kit_check(engine, key, 1, START_NS, &verdict), 0);
	for (unsigned int i = 0; i < verdict.count; i++) {
		unsigned int number = (unsigned int)atoi(verdict.hits[i].id);
		const char *pattern = model->patterns[number];

		if (!plain_covers(pattern, strlen(pattern), key, strlen(key)))
			fail_msg("%s does not cover %s", pattern, key);
		assert_true(model->since[number] > since);
		since = model->since[number];
	}
	for (unsigned int i = 0; i < LIMITS; i++)
		covering += *model->patterns[i] &&
			    plain_covers(model->patterns[i], strlen(model->patterns[i]), key,
					 strlen(key));
	assert_int_equal(covering, verdict.count);
}

static void engine_check_finds_what_a_plain_matcher_finds(void **state)
{
	uint32_t random = 4711;

	for (int round = 0; round < 40; round++) {
		struct engine *engine = kit_engine(100000);
		struct model model = {.made = 0};

		for (int i = 0; i < 200; i++) {
			change_limit(engine, &model, &random);
			for (int j = 0; j < 5; j++)
				compare_key(engine, &model, &random);
		}
		engine_free(engine);
	}
}

static uint64_t read_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* `#` stands for the number, in five digits. */
static void fill_in(const char *form, int number, char text[64])
{
	const char *mark = strchr(form, '#');

	if (mark)
		snprintf(text, 64, "%.*s%05d%s", (int)(mark - form), form, number, mark + 1);
	else
		snprintf(text, 64, "%s", form);
}

static void put_many(struct engine *engine, const char *form)
{
	struct engine_change *changes = calloc(MANY, sizeof(*changes));
	char(*texts)[2][64] = calloc(MANY, sizeof(*texts));

	for (int i = 0; i < MANY; i++) {
		fill_in("#", i, texts[i][0]);
		fill_in(form, i, texts[i][1]);
		changes[i] = kit_put(texts[i][0], texts[i][1], SLUICE_TOKEN_BUCKET, 10, SECOND_NS);
	}
	assert_int_equal(engine_apply(engine, changes, MANY, START_NS), 0);
	free(changes);
	free(texts);
}

/* Matched one by one, ten thousand patterns take some 300 us for a key, and more under a sanitizer. */
static void engine_check_new_key_is_not_matched_with_every_pattern(void **state)
{
	static const struct {
		const char *form, *key;
	} rows[] = {
		{"#*", "#key"},
		{"*x#", "some-x#"},
		{"*#*", "some-#-more"},
		{"tenant-*-#", "tenant-key-#"},
		{"*tenant*-#*key*", "my-tenant-#-keys"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine *engine = kit_engine(100000);
		struct engine_verdict verdict;
		char key[64];
		uint64_t from_us;

		put_many(engine, rows[i].form);
		from_us = read_cpu_us();
		for (int j = 0; j < 2000; j++) {
			fill_in(rows[i].key, j, key);
			assert_int_equal(kit_check(engine, key, 0, START_NS, &verdict), 0);
			assert_int_equal(verdict.count, 1);
		}
		assert_true(read_cpu_us() - from_us < 2000 * 100);
		engine_free(engine);
	}
}

static void engine_check_many_equal_patterns_are_matched_once_for_each(void **state)
{
	struct engine *engine = kit_engine(100000);
	struct engine_verdict verdict;
	char key[ENGINE_KEY_MAX + 1];
	uint64_t from_us;

	put_many(engine, "*aaaaaaaa*");
	memset(key, 'a', ENGINE_KEY_MAX);
	key[ENGINE_KEY_MAX] = '\0';
	from_us = read_cpu_us();
	assert_int_equal(kit_check(engine, key, 1, START_NS, &verdict), ENGINE_E_MATCH_MAX);
	/* The text stands in the key 505 times. */
	assert_true(read_cpu_us() - from_us < 100000);
	engine_free(engine);
}

/* More anchors than are remembered while a key is looked through, each in it twice. */
static void engine_check_many_anchors_that_repeat_are_each_counted_once(void **state)
{
	enum { ANCHORS = 60 };
	struct engine *engine = kit_engine(100000);
	struct engine_verdict verdict;
	char key[ENGINE_KEY_MAX] = "", text[16], id[16];
	size_t len = 0;

	for (int i = 0; i < 2 * ANCHORS; i++)
		len += (size_t)snprintf(key + len, sizeof(key) - len, "%02d,", i % ANCHORS);
	for (int i = 0; i < ANCHORS; i++) {
		snprintf(id, sizeof(id), "%d", i);
		snprintf(text, sizeof(text), "*%02d,*", i);
		kit_limit(engine, id, text, 100);
	}
	assert_int_equal(kit_check(engine, key, 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, ANCHORS);
	engine_free(engine);
}

/* A key of one letter is one anchor many times over: it is matched once. */
static void engine_check_repeated_text_is_matched_once(void **state)
{
	struct engine *engine = kit_engine(100000);
	struct engine_verdict verdict;
	char key[ENGINE_KEY_MAX + 1], id[16];

	for (int i = 0; i < ENGINE_MATCH_MAX; i++) {
		snprintf(id, sizeof(id), "%d", i);
		kit_limit(engine, id, i % 2 ? "*aaaa*" : "*a*a*a*", 100);
	}
	memset(key, 'a', ENGINE_KEY_MAX);
	key[ENGINE_KEY_MAX] = '\0';
	assert_int_equal(kit_check(engine, key, 1, START_NS, &verdict), 0);
	assert_int_equal(verdict.count, ENGINE_MATCH_MAX);
	for (int i = 0; i < ENGINE_MATCH_MAX; i++)
		assert_int_equal(atoi(verdict.hits[i].id), i);
	kit_limit(engine, "one more", "*aa*", 100);
	assert_int_equal(kit_check(engine, key, 1, START_NS, &verdict), ENGINE_E_MATCH_MAX);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_check_finds_what_a_plain_matcher_finds),
		cmocka_unit_test(engine_check_new_key_is_not_matched_with_every_pattern),
		cmocka_unit_test(engine_check_many_equal_patterns_are_matched_once_for_each),
		cmocka_unit_test(engine_check_many_anchors_that_repeat_are_each_counted_once),
		cmocka_unit_test(engine_check_repeated_text_is_matched_once),
	};

	return cmocka_run_group_tests_name("engine rules", tests, NULL, NULL);
}
