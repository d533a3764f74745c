/* Patterns: what they match, what is refused, and that hostile ones stay linear. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/key_hash.h"
#include "engine/pattern.h"

static bool match_text(const char *source, const char *key)
{
	struct pattern *pattern;
	bool matched;

	assert_int_equal(pattern_new(source, strlen(source), &pattern), 0);
	matched = pattern_match(pattern, key, strlen(key));
	pattern_free(pattern);
	return matched;
}

static void pattern_match_table_agrees(void **state)
{
	static const struct {
		const char *pattern, *key;
		bool matches;
	} rows[] = {
		{"user123", "user123", true},
		{"user123", "user1234", false},
		{"user123", "user12", false},
		{"*", "x", true},
		{"**", "x", true},
		{"user:*", "user:", true},
		{"user:*", "user:1", true},
		{"user:*", "user", false},
		{"user:*", "xuser:1", false},
		{"*:get", "a:get", true},
		{"*:get", ":get", true},
		{"*:get", "a:gets", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*a", "aba", true},
		{"ab*ba", "aba", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "acb", false},
		{"a*b*c*d*e", "abcde", true},
		{"a*b*c*d*e", "a-bb-c-dd-e", true},
		{"a*b*c*d*e", "a-b-d-c-e", false},
		{"*ab*ab*", "abab", true},
		{"*ab*ab*", "aba", false},
		{"*aab*", "aaab", true},
		{"x*ab*abc", "xababc", true},
		{"x*abc*bc", "xabc", false},
		{"a\\*b", "a*b", true},
		{"a\\*b", "axb", false},
		{"a\\\\b", "a\\b", true},
		{"\\**", "*anything", true},
		{"\\**", "anything", false},
		{"*\\*", "stars*", true},
		{"*\\*", "stars", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (match_text(rows[i].pattern, rows[i].key) != rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].key);
}

static void pattern_check_table_agrees(void **state)
{
	static const struct {
		const char *pattern;
		int result;
		bool exact;
	} rows[] = {
		{"user", 0, true},
		{"us*er", 0, false},
		{"us\\*er", 0, true},
		{"****", 0, false},
		{"a*b*c*d*e", 0, false},
		{"\\*****", 0, false},
		{"*****", ENGINE_E_PATTERN, false},
		{"a*b*c*d*e*", ENGINE_E_PATTERN, false},
		{"\\", ENGINE_E_PATTERN, false},
		{"user\\", ENGINE_E_PATTERN, false},
		{"us\\er", ENGINE_E_PATTERN, false},
		{"", ENGINE_E_KEY, false},
	};
	bool exact;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		exact = !rows[i].exact;
		if (engine_pattern_check(rows[i].pattern, strlen(rows[i].pattern), &exact) !=
		    rows[i].result)
			fail_msg("%s", rows[i].pattern);
		if (rows[i].result == 0)
			assert_int_equal(exact, rows[i].exact);
	}
}

static void pattern_check_longest_is_taken_and_longer_refused(void **state)
{
	char text[ENGINE_KEY_MAX + 1];
	bool exact;

	memset(text, 'a', sizeof(text));
	assert_int_equal(engine_pattern_check(text, ENGINE_KEY_MAX, &exact), 0);
	assert_int_equal(engine_pattern_check(text, ENGINE_KEY_MAX + 1, &exact), ENGINE_E_KEY);
}

static void pattern_match_hostile_stays_linear(void **state)
{
	static const char *const hostile[] = {"*a*a*a*", "*aaaaaaaaab*aaaaaaaab*aab*", "a*a*a*a*b",
					      "*ab*ab*ab*c"};
	struct timespec from, to;
	char key[ENGINE_KEY_MAX + 1];
	unsigned matched = 0;

	memset(key, 'a', ENGINE_KEY_MAX);
	key[ENGINE_KEY_MAX] = 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 4000; i++)
		matched += match_text(hostile[i % 4], key);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	assert_int_equal(matched, 1000);
	/* Backtracking would take 512^3 steps for one; a second leaves room for sanitizers. */
	assert_true(to.tv_sec - from.tv_sec <= 1);
}

/* The reference: SipHash-1-3 with an all-zero seed over the tenant as 8 bytes, then the text. */
static void key_hash_equals_siphash(void **state)
{
	static const struct {
		uint32_t tenant;
		const char *text;
		uint64_t hash;
	} rows[] = {
		{0, "", 0xbd60acb658c79e45},
		{0, "a", 0x0c9972277e54d711},
		{1, "a", 0xbeb9a6bbf61b58b4},
		{7, "user123", 0x18c026632913eb9f},
		{7, "12345678", 0x76479320fc302cbe},
		{4294967295, "exactly sixteen!", 0xa00fd719115e11e4},
		{3, "a key of some more length, 37 bytes..", 0xcf3688728be47081},
	};
	static const uint64_t zero[2], other[2] = {0, 1};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);

		assert_true(key_hash(zero, rows[i].tenant, rows[i].text, len) == rows[i].hash);
		assert_true(key_hash(other, rows[i].tenant, rows[i].text, len) != rows[i].hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_match_table_agrees),
		cmocka_unit_test(pattern_check_table_agrees),
		cmocka_unit_test(pattern_check_longest_is_taken_and_longer_refused),
		cmocka_unit_test(pattern_match_hostile_stays_linear),
		cmocka_unit_test(key_hash_equals_siphash),
	};

	return cmocka_run_group_tests_name("engine pattern", tests, NULL, NULL);
}
