/* Names that are made up: well-formed, and no two alike, whichever thread makes them. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "doors/http/request_id.h"

enum {
	THREADS = 4,
	PER_THREAD = 5000,
	NAMES = THREADS * PER_THREAD,
};

typedef char name[40];

static name ids[NAMES], spans[NAMES];

static void *make_some(void *data)
{
	size_t first = (size_t)(uintptr_t)data;

	for (size_t i = first; i < first + PER_THREAD; i++) {
		struct request request = {.http = NULL};
		char span[SPAN_ID_SIZE];

		request_id_ensure(&request);
		snprintf(ids[i], sizeof(ids[i]), "%.39s", request.request_id);
		span_id_make(span);
		snprintf(spans[i], sizeof(spans[i]), "%s", span);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void assert_all_differ(name *names)
{
	qsort(names, NAMES, sizeof(*names), compare);
	for (size_t i = 1; i < NAMES; i++)
		assert_string_not_equal(names[i - 1], names[i]);
}

static void names_of_all_threads_differ(void **state)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_some, (void *)(i * PER_THREAD)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < NAMES; i++) {
		assert_in_range(strlen(ids[i]), 18, 33);
		assert_int_equal(strspn(ids[i], "0123456789abcdef-"), strlen(ids[i]));
		assert_int_equal(strlen(spans[i]), SPAN_ID_SIZE - 1);
		assert_int_equal(strspn(spans[i], "0123456789abcdef"), SPAN_ID_SIZE - 1);
		assert_string_not_equal(spans[i], "0000000000000000");
	}
	assert_all_differ(ids);
	assert_all_differ(spans);
}

static void name_that_is_there_stays(void **state)
{
	struct request request = {.request_id = "given"};

	request_id_ensure(&request);
	assert_string_equal(request.request_id, "given");
}

static void name_that_is_malformed_is_replaced(void **state)
{
	static const char *const rows[] = {"",     "a b",  "a\"b", "a'b",
					   "a\\b", "a\tb", "\x7f", "\xc3\xa4"};
	char longest[REQUEST_ID_SIZE + 1];

	memset(longest, 'a', sizeof(longest));
	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
		const char *row = i < sizeof(rows) / sizeof(rows[0]) ? rows[i] : longest;
		struct request request = {.headers.request_id = {row, row == longest ?
									      REQUEST_ID_SIZE :
									      strlen(row)}};

		request_id_ensure(&request);
		assert_non_null(strchr(request.request_id, '-'));
	}
}

static int setup(void **state)
{
	return random_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_all_threads_differ),
		cmocka_unit_test(name_that_is_there_stays),
		cmocka_unit_test(name_that_is_malformed_is_replaced),
	};

	return cmocka_run_group_tests_name("request_id", tests, setup, NULL);
}
