/* What every ledger promises, on each backend. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/backends.h"
#include "unit/journal/ledger_rig.h"
#include "unit/journal/rig.h"

struct subject {
	struct ledger *ledger;
	struct ledger_list list;  /* of the last question */
	char path[RIG_PATH_SIZE]; /* empty: in memory */
};

static int open_file(void **state)
{
	struct subject *subject = calloc(1, sizeof(*subject));

	assert_non_null(subject);
	rig_make_directory(subject->path);
	subject->ledger = ledger_rig_open(subject->path);
	*state = subject;
	return 0;
}

static int open_memory(void **state)
{
	struct subject *subject = calloc(1, sizeof(*subject));
	struct field_error error, aside;

	assert_non_null(subject);
	assert_int_equal(ledger_new_memory(&subject->ledger), 0);
	assert_int_equal(ledger_open(subject->ledger, &error, &aside), 0);
	*state = subject;
	return 0;
}

static int close_subject(void **state)
{
	struct subject *subject = *state;

	ledger_free(subject->ledger);
	if (*subject->path)
		rig_remove_directory(subject->path);
	free(subject);
	return 0;
}

static const char *ids_of(struct subject *subject, struct ledger_search search)
{
	if (!search.tenant)
		search.tenant = "default";
	return ledger_rig_ids(subject->ledger, &search, &subject->list);
}

static void put(struct subject *subject, unsigned int number, const char *object, const char *actor)
{
	ledger_rig_put(subject->ledger, &(struct ledger_rig_entry){.number = number,
								   .object = object,
								   .actor = actor});
}

static void entry_comes_back_as_it_was(void **state)
{
	struct subject *subject = *state;
	static char change[LEDGER_CHANGE_MAX];
	struct ledger_entry entry = {
		.id = "aud_01",
		.time_ms = 1700000000123,
		.tenant = "default",
		.actor = "key_1",
		.actor_name = "ops \"team\" ü",
		.peer = "2001:db8::1",
		.request_id = "req-7",
		.action = "limit.update",
		.object = "lim_1",
		.revision = INT64_MAX,
		.change = change,
		.change_len = sizeof(change),
	};
	struct ledger_search search = {.tenant = "default"};

	memset(change, 'x', sizeof(change));
	ledger_rig_add(subject->ledger, &entry, 1);
	ledger_rig_expect(subject->ledger, &search, &entry);
}

static void entries_come_newest_first_and_in_pages(void **state)
{
	struct subject *subject = *state;

	for (unsigned int i = 1; i <= 5; i++)
		put(subject, i, "lim_1", "key_1");
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "5 4 3 2 1");
	assert_string_equal(ids_of(subject, (struct ledger_search){.before = "aud_0004"}), "3 2 1");
	/* Also below an id that is not there. */
	assert_string_equal(ids_of(subject, (struct ledger_search){.before = "aud_0003z"}),
			    "3 2 1");
	assert_string_equal(ids_of(subject, (struct ledger_search){.before = "aud_0001"}), "");
}

static void late_entry_takes_its_place_by_time(void **state)
{
	struct subject *subject = *state;

	put(subject, 5, "lim_1", "key_1");
	put(subject, 3, "lim_1", "key_1");
	put(subject, 4, "lim_1", "key_1");
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "5 4 3");
}

static void search_narrows_by_each_of_its_members(void **state)
{
	struct subject *subject = *state;
	struct ledger_rig_entry foreign = {.number = 7, .object = "a", .actor = "x", .tenant = "b"};

	put(subject, 1, "a", "x");
	put(subject, 2, "b", "x");
	put(subject, 3, "a", "y");
	put(subject, 4, "b", "y");
	ledger_rig_put(subject->ledger, &foreign);
	assert_string_equal(ids_of(subject, (struct ledger_search){.object = "a"}), "3 1");
	assert_string_equal(ids_of(subject, (struct ledger_search){.actor = "y"}), "4 3");
	assert_string_equal(ids_of(subject, (struct ledger_search){.object = "b", .actor = "x"}),
			    "2");
	assert_string_equal(ids_of(subject, (struct ledger_search){.object = "' OR 1=1"}), "");
	/* The time of entry n is n seconds. */
	assert_string_equal(ids_of(subject, (struct ledger_search){.since_ms = 3000}), "4 3");
	assert_string_equal(
		ids_of(subject, (struct ledger_search){.since_ms = 2999, .object = "a"}), "3");
	assert_string_equal(ids_of(subject, (struct ledger_search){.since_ms = 4001}), "");
	assert_string_equal(ids_of(subject, (struct ledger_search){.tenant = "b"}), "7");
	assert_string_equal(ids_of(subject, (struct ledger_search){.tenant = "none"}), "");
}

static void entry_added_twice_is_there_once_as_it_was_first(void **state)
{
	struct subject *subject = *state;

	put(subject, 1, "lim_first", "key_1");
	put(subject, 1, "lim_second", "key_1");
	put(subject, 2, "lim_second", "key_1");
	assert_string_equal(ids_of(subject, (struct ledger_search){.object = "lim_first"}), "1");
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "2 1");
}

static int end_at_second(const struct ledger_entry *entry, void *data)
{
	return ++*(int *)data == 2;
}

static void visit_ends_when_the_visitor_says_so(void **state)
{
	struct subject *subject = *state;
	struct ledger_search search = {.tenant = "default"};
	struct field_error error;
	int n = 0;

	for (unsigned int i = 1; i <= 5; i++)
		put(subject, i, "lim_1", "key_1");
	assert_int_equal(ledger_each_entry(subject->ledger, &search, end_at_second, &n, &error), 0);
	assert_int_equal(n, 2);
}

static void add(struct subject *subject, const char *run, uint64_t number, uint64_t hour,
		uint64_t allowed)
{
	ledger_rig_count(subject->ledger, run, number, hour, allowed);
}

static const char *usage_of(struct subject *subject, uint64_t from, uint64_t to, uint64_t hours)
{
	struct ledger_span span = {.tenant = "default",
				   .from_ms = from * LEDGER_HOUR_MS,
				   .to_ms = to * LEDGER_HOUR_MS,
				   .period_ms = hours * LEDGER_HOUR_MS};

	return ledger_rig_usage(subject->ledger, &span, &subject->list);
}

static void usage_sums_up_by_hour_and_by_day(void **state)
{
	struct subject *subject = *state;

	add(subject, "run", 1, 23, 10);
	add(subject, "run", 2, 24, 1);
	add(subject, "run", 3, 23, 5);
	add(subject, "run", 4, 47, 2);
	add(subject, "run", 5, 50, 7);
	/* hour:allowed; denied, tokens, refunded are 2, 3 and 4 times that. */
	assert_string_equal(usage_of(subject, 0, 100, 1), "23:15 24:1 47:2 50:7");
	assert_string_equal(usage_of(subject, 24, 50, 1), "24:1 47:2");
	assert_string_equal(usage_of(subject, 0, 100, 24), "0:15 24:3 48:7");
	/* Days that begin in the span, whole. */
	assert_string_equal(usage_of(subject, 1, 25, 24), "24:3");
	assert_string_equal(usage_of(subject, 60, 50, 1), "");
}

static void usage_of_tenants_is_kept_apart(void **state)
{
	struct subject *subject = *state;
	const struct ledger_usage rows[] = {
		{.tenant = "default", .start_ms = 5 * LEDGER_HOUR_MS, .allowed = 1},
		{.tenant = "other", .start_ms = 5 * LEDGER_HOUR_MS, .allowed = 100},
	};
	struct ledger_addition addition = {.run = "run", .number = 1, .rows = rows, .n = 2};
	struct field_error error;

	assert_int_equal(ledger_add_usage(subject->ledger, &addition, &error), 0);
	addition.number = 2;
	assert_int_equal(ledger_add_usage(subject->ledger, &addition, &error), 0);
	assert_int_equal(ledger_rig_allowed(subject->ledger, "default"), 2);
	assert_int_equal(ledger_rig_allowed(subject->ledger, "other"), 200);
}

static void addition_is_counted_once_however_often_it_is_made(void **state)
{
	struct subject *subject = *state;

	add(subject, "first", 1, 5, 10);
	add(subject, "first", 1, 5, 10);
	add(subject, "first", 2, 5, 1);
	add(subject, "first", 1, 5, 10);
	assert_string_equal(usage_of(subject, 0, 100, 1), "5:11");
	/* The next process begins anew. */
	add(subject, "second", 1, 5, 100);
	add(subject, "second", 1, 5, 100);
	assert_string_equal(usage_of(subject, 0, 100, 1), "5:111");
}

static void sums_stay_at_the_most_there_can_be(void **state)
{
	struct subject *subject = *state;
	struct ledger_usage row = {
		.tenant = "default", .allowed = INT64_MAX - 1, .tokens = UINT64_MAX};
	struct ledger_addition addition = {.run = "run", .rows = &row, .n = 1};
	struct field_error error;

	for (addition.number = 1; addition.number <= 2; addition.number++)
		assert_int_equal(ledger_add_usage(subject->ledger, &addition, &error), 0);
	row.start_ms = LEDGER_HOUR_MS;
	assert_int_equal(ledger_add_usage(subject->ledger, &addition, &error), 0);
	/* Of a day, too. */
	assert_true(ledger_rig_allowed(subject->ledger, "default") == INT64_MAX);
}

static size_t prune(struct subject *subject, uint64_t audit_ms, uint64_t usage_ms, size_t most)
{
	struct field_error error;
	size_t n = 99;

	assert_int_equal(ledger_prune(subject->ledger, audit_ms, usage_ms, most, &error, &n), 0);
	return n;
}

static void pruning_takes_the_oldest_in_small_steps(void **state)
{
	struct subject *subject = *state;
	struct ledger_rig_entry foreign = {.number = 2, .object = "a", .actor = "x", .tenant = "b"};

	put(subject, 1, "a", "x");
	ledger_rig_put(subject->ledger, &foreign);
	for (unsigned int i = 3; i <= 6; i++)
		put(subject, i, "a", "x");
	for (unsigned int hour = 3; hour <= 6; hour++)
		add(subject, "run", hour, hour, 1);
	/* Entry n is of second n: five are older than second 6. */
	assert_int_equal(prune(subject, 6000, 0, 2), 2);
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "6 5 4 3");
	assert_int_equal(prune(subject, 6000, 0, 100), 3);
	assert_int_equal(prune(subject, 6000, 0, 100), 0);
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "6");
	/* Hour 5 ends where hour 6 begins. */
	assert_int_equal(prune(subject, 0, 6ULL * LEDGER_HOUR_MS - 1, 1), 1);
	assert_int_equal(prune(subject, 0, 6ULL * LEDGER_HOUR_MS - 1, 9), 1);
	assert_string_equal(usage_of(subject, 0, 100, 1), "5:1 6:1");
	/* Entries and hours together. */
	assert_int_equal(prune(subject, 7000, 6ULL * LEDGER_HOUR_MS, 1), 1);
	assert_int_equal(prune(subject, 7000, 6ULL * LEDGER_HOUR_MS, 9), 1);
	assert_string_equal(ids_of(subject, (struct ledger_search){0}), "");
	assert_string_equal(usage_of(subject, 0, 100, 1), "6:1");
}

#define ON_BOTH(test)                                                     \
	{#test " (file)", test, open_file, close_subject, NULL},          \
	{                                                                 \
#test " (memory)", test, open_memory, close_subject, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(entry_comes_back_as_it_was),
		ON_BOTH(entries_come_newest_first_and_in_pages),
		ON_BOTH(late_entry_takes_its_place_by_time),
		ON_BOTH(search_narrows_by_each_of_its_members),
		ON_BOTH(entry_added_twice_is_there_once_as_it_was_first),
		ON_BOTH(visit_ends_when_the_visitor_says_so),
		ON_BOTH(usage_sums_up_by_hour_and_by_day),
		ON_BOTH(usage_of_tenants_is_kept_apart),
		ON_BOTH(addition_is_counted_once_however_often_it_is_made),
		ON_BOTH(sums_stay_at_the_most_there_can_be),
		ON_BOTH(pruning_takes_the_oldest_in_small_steps),
	};

	return cmocka_run_group_tests_name("ledger contract", tests, NULL, NULL);
}
