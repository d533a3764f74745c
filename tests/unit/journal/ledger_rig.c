/* What the ledger's tests share. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/journal/ledger_rig.h"

struct ledger *ledger_rig_open(const char *directory)
{
	struct field_error error = {.field = ""}, aside;
	struct ledger *ledger;
	char path[256];

	snprintf(path, sizeof(path), "%s/ledger.db", directory);
	assert_int_equal(ledger_new_file(path, &ledger), 0);
	if (ledger_open(ledger, &error, &aside))
		fail_msg("opening: %s", error.message);
	assert_string_equal(aside.message, "");
	return ledger;
}

int ledger_rig_try(struct ledger *ledger, const struct ledger_rig_entry *entry)
{
	struct field_error error = {.field = ""};
	char id[32];
	struct ledger_entry full = {
		.id = id,
		.time_ms = entry->number * 1000ULL,
		.tenant = entry->tenant ? entry->tenant : "default",
		.actor = entry->actor,
		.actor_name = "",
		.peer = "",
		.request_id = "",
		.action = "limit.create",
		.object = entry->object,
		.change = "{}",
		.change_len = 2,
	};
	int r;

	snprintf(id, sizeof(id), "aud_%04u", entry->number);
	r = ledger_add_entries(ledger, &full, 1, &error);
	assert_int_equal(r != 0, error.message[0] != '\0');
	return r;
}

void ledger_rig_put(struct ledger *ledger, const struct ledger_rig_entry *entry)
{
	assert_int_equal(ledger_rig_try(ledger, entry), 0);
}

void ledger_rig_add(struct ledger *ledger, const struct ledger_entry *entries, size_t n)
{
	struct field_error error;

	assert_int_equal(ledger_add_entries(ledger, entries, n, &error), 0);
}

static void append(struct ledger_list *list, const char *text)
{
	if (*list->text)
		strcat(list->text, " ");
	strcat(list->text, text);
}

static int list_id(const struct ledger_entry *entry, void *data)
{
	struct ledger_list *list = data;
	char text[16];

	assert_memory_equal(entry->id, "aud_", 4);
	snprintf(text, sizeof(text), "%d", atoi(entry->id + 4));
	append(list, text);
	return 0;
}

const char *ledger_rig_ids(struct ledger *ledger, const struct ledger_search *search,
			   struct ledger_list *list)
{
	struct field_error error;

	list->text[0] = '\0';
	assert_int_equal(ledger_each_entry(ledger, search, list_id, list, &error), 0);
	return list->text;
}

struct expected {
	const struct ledger_entry *entry;
	size_t n;
};

static int compare_entry(const struct ledger_entry *got, void *data)
{
	struct expected *expected = data;
	const struct ledger_entry *entry = expected->entry;

	assert_string_equal(got->id, entry->id);
	assert_int_equal(got->time_ms, entry->time_ms);
	assert_string_equal(got->tenant, entry->tenant);
	assert_string_equal(got->actor, entry->actor);
	assert_string_equal(got->actor_name, entry->actor_name);
	assert_string_equal(got->peer, entry->peer);
	assert_string_equal(got->request_id, entry->request_id);
	assert_string_equal(got->action, entry->action);
	assert_string_equal(got->object, entry->object);
	assert_int_equal(got->revision, entry->revision);
	assert_int_equal(got->change_len, entry->change_len);
	assert_memory_equal(got->change, entry->change, entry->change_len);
	expected->n++;
	return 0;
}

void ledger_rig_expect(struct ledger *ledger, const struct ledger_search *search,
		       const struct ledger_entry *entry)
{
	struct expected expected = {.entry = entry};
	struct field_error error;

	assert_int_equal(ledger_each_entry(ledger, search, compare_entry, &expected, &error), 0);
	assert_int_equal(expected.n, 1);
}

void ledger_rig_count(struct ledger *ledger, const char *run, uint64_t number, uint64_t hour,
		      uint64_t allowed)
{
	const struct ledger_usage row = {
		.tenant = "default",
		.start_ms = hour * LEDGER_HOUR_MS,
		.allowed = allowed,
		.denied = 2 * allowed,
		.tokens = 3 * allowed,
		.refunded = 4 * allowed,
	};
	struct ledger_addition addition = {.run = run, .number = number, .rows = &row, .n = 1};
	struct field_error error;

	assert_int_equal(ledger_add_usage(ledger, &addition, &error), 0);
}

static int list_usage(const struct ledger_usage *usage, void *data)
{
	char text[64];

	assert_int_equal(usage->denied, 2 * usage->allowed);
	assert_int_equal(usage->tokens, 3 * usage->allowed);
	assert_int_equal(usage->refunded, 4 * usage->allowed);
	snprintf(text, sizeof(text), "%llu:%llu",
		 (unsigned long long)usage->start_ms / LEDGER_HOUR_MS,
		 (unsigned long long)usage->allowed);
	append(data, text);
	return 0;
}

const char *ledger_rig_usage(struct ledger *ledger, const struct ledger_span *span,
			     struct ledger_list *list)
{
	struct field_error error;

	list->text[0] = '\0';
	assert_int_equal(ledger_each_usage(ledger, span, list_usage, list, &error), 0);
	return list->text;
}

static int sum_allowed(const struct ledger_usage *usage, void *data)
{
	*(uint64_t *)data += usage->allowed;
	return 0;
}

uint64_t ledger_rig_allowed(struct ledger *ledger, const char *tenant)
{
	struct ledger_span span = {
		.tenant = tenant, .to_ms = INT64_MAX, .period_ms = 24ULL * LEDGER_HOUR_MS};
	struct field_error error;
	uint64_t sum = 0;

	assert_int_equal(ledger_each_usage(ledger, &span, sum_allowed, &sum, &error), 0);
	return sum;
}
