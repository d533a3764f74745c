/* What every journal promises, on each backend. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/backends.h"
#include "unit/journal/rig.h"

struct subject {
	struct journal *journal;
	char path[RIG_PATH_SIZE]; /* empty: in memory */
};

static int open_file(void **state)
{
	struct subject *subject = calloc(1, sizeof(*subject));

	assert_non_null(subject);
	rig_make_directory(subject->path);
	subject->journal = rig_open(subject->path);
	*state = subject;
	return 0;
}

static int open_memory(void **state)
{
	struct subject *subject = calloc(1, sizeof(*subject));

	assert_non_null(subject);
	assert_int_equal(journal_open_memory(&subject->journal), 0);
	*state = subject;
	return 0;
}

static int close_subject(void **state)
{
	struct subject *subject = *state;

	journal_close(subject->journal);
	if (*subject->path)
		rig_remove_directory(subject->path);
	free(subject);
	return 0;
}

static struct journal *of(void **state)
{
	return ((struct subject *)*state)->journal;
}

static int count(const void *bytes, size_t len, void *data)
{
	return ++*(int *)data == 2 ? 77 : 0;
}

static void read_of_none_says_so(void **state)
{
	struct field_error error = {.field = ""};
	char name[JOURNAL_NAME_SIZE];
	int n = 0;

	assert_int_equal(journal_read(of(state), 1, count, &n, &error), JOURNAL_E_NONE);
	assert_string_not_equal(error.message, "");
	assert_int_equal(n, 0);
	assert_true(journal_set_aside(of(state), name) < 0);
}

static void committed_snapshot_is_read_whole_and_replaced_whole(void **state)
{
	for (uint64_t number = 1; number < 30; number++) {
		assert_int_equal(rig_put(of(state), number), 0);
		assert_int_equal(rig_get(of(state)), number);
		assert_int_equal(rig_get(of(state)), number);
	}
}

static void abandoned_snapshot_leaves_the_former(void **state)
{
	assert_int_equal(rig_append(of(state), 4), 0);
	journal_abandon(of(state));
	assert_int_equal(rig_get(of(state)), 0);
	assert_int_equal(rig_put(of(state), 5), 0);
	assert_int_equal(rig_append(of(state), 6), 0);
	assert_int_equal(rig_get(of(state)), 5);
	journal_abandon(of(state));
	journal_abandon(of(state));
	assert_int_equal(rig_get(of(state)), 5);
	assert_int_equal(rig_put(of(state), 7), 0);
	assert_int_equal(rig_get(of(state)), 7);
}

static void empty_snapshot_is_one(void **state)
{
	struct field_error error = {.field = ""};
	int n = 0;

	assert_int_equal(journal_begin(of(state), 1), 0);
	assert_int_equal(journal_commit(of(state)), 0);
	assert_int_equal(journal_read(of(state), 1, count, &n, &error), 0);
	assert_int_equal(n, 0);
}

static void largest_chunk_comes_back(void **state)
{
	char *bytes = malloc(JOURNAL_CHUNK_MAX);
	struct field_error error = {.field = ""};
	int n = 0;

	assert_non_null(bytes);
	memset(bytes, 0xff, JOURNAL_CHUNK_MAX);
	assert_int_equal(journal_begin(of(state), 1), 0);
	assert_int_equal(journal_append(of(state), bytes, JOURNAL_CHUNK_MAX), 0);
	assert_int_equal(journal_commit(of(state)), 0);
	assert_int_equal(journal_read(of(state), 1, count, &n, &error), 0);
	assert_int_equal(n, 1);
	free(bytes);
}

static void reading_ends_when_the_reader_says_so(void **state)
{
	struct field_error error = {.field = ""};
	int n = 0;

	assert_int_equal(journal_begin(of(state), 1), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(journal_append(of(state), "chunk", 5), 0);
	assert_int_equal(journal_commit(of(state)), 0);
	assert_int_equal(journal_read(of(state), 1, count, &n, &error), 77);
	assert_int_equal(n, 2);
}

static void newer_schema_is_refused_before_anything_is_handed_over(void **state)
{
	struct field_error error = {.field = ""};
	int n = 0;

	assert_int_equal(rig_put(of(state), 5), 0);
	assert_int_equal(journal_read(of(state), RIG_SCHEMA - 1, count, &n, &error),
			 JOURNAL_E_NEWER);
	assert_non_null(strstr(error.message, "newer version"));
	assert_int_equal(n, 0);
	assert_int_equal(rig_get(of(state)), 5);
}

static void set_aside_snapshot_is_out_of_the_way(void **state)
{
	char first[JOURNAL_NAME_SIZE], second[JOURNAL_NAME_SIZE];

	assert_int_equal(rig_put(of(state), 5), 0);
	assert_int_equal(journal_set_aside(of(state), first), 0);
	assert_int_equal(rig_get(of(state)), 0);
	assert_int_equal(rig_put(of(state), 6), 0);
	assert_int_equal(journal_set_aside(of(state), second), 0);
	assert_string_not_equal(first, second);
	assert_int_equal(rig_put(of(state), 7), 0);
	assert_int_equal(rig_get(of(state)), 7);
}

#define ON_BOTH(test)                                                     \
	{#test " (file)", test, open_file, close_subject, NULL},          \
	{                                                                 \
#test " (memory)", test, open_memory, close_subject, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(read_of_none_says_so),
		ON_BOTH(committed_snapshot_is_read_whole_and_replaced_whole),
		ON_BOTH(abandoned_snapshot_leaves_the_former),
		ON_BOTH(empty_snapshot_is_one),
		ON_BOTH(largest_chunk_comes_back),
		ON_BOTH(reading_ends_when_the_reader_says_so),
		ON_BOTH(newer_schema_is_refused_before_anything_is_handed_over),
		ON_BOTH(set_aside_snapshot_is_out_of_the_way),
	};

	return cmocka_run_group_tests_name("journal contract", tests, NULL, NULL);
}
