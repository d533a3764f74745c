/* The table of limits against a plain sorted array, and what copies share. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/limit_table_priv.h"

enum {
	TENANTS = 3,
	IDS = 400,
	STEPS = 6000,
	CHECK_EVERY = 50,
};

/* What the table must hold: for each tenant and id the revision put last, 0 if none. */
struct expected {
	uint64_t revision[TENANTS][IDS];
};

static void make_id(unsigned int i, char id[ID_SIZE])
{
	snprintf(id, ID_SIZE, "lim_%06u", i);
}

/* A third of what is put waits to be confirmed. */
static uint64_t confirm_by(uint64_t revision)
{
	return revision % 3 == 1 ? revision : 0;
}

static void put(struct limit_table *table, uint32_t tenant, unsigned int i, uint64_t revision)
{
	struct limit_entry *entry;
	struct limit limit;

	limit_init(&limit);
	make_id(i, limit.id);
	limit.revision = revision;
	limit.confirm_by_ms = confirm_by(revision);
	entry = limit_entry_new(tenant, &limit);
	assert_non_null(entry);
	assert_int_equal(limit_table_put(table, entry), 0);
	limit_entry_unref(entry);
}

static void removed(struct limit_table *table, uint32_t tenant, unsigned int i)
{
	char id[ID_SIZE];

	make_id(i, id);
	assert_int_equal(limit_table_remove(table, tenant, id), 0);
}

static uint64_t find(const struct limit_table *table, uint32_t tenant, unsigned int i)
{
	const struct limit_entry *entry;
	char id[ID_SIZE];

	make_id(i, id);
	entry = limit_table_find(table, tenant, id);
	return entry ? entry->limit.revision : 0;
}

static void assert_tenant_holds(const struct limit_table *table, uint32_t tenant,
				const uint64_t revision[IDS], size_t page)
{
	const struct limit *limits[IDS];
	const char *after = NULL;
	char id[ID_SIZE];
	size_t n = 0, at = 0, count = 0;

	for (unsigned int i = 0; i < IDS; i++) {
		assert_int_equal(find(table, tenant, i), revision[i]);
		if (!revision[i])
			continue;
		count++;
		if (at == n) {
			n = limit_table_page(table, tenant, after, limits, page);
			at = 0;
			assert_true(n > 0);
		}
		make_id(i, id);
		assert_string_equal(limits[at]->id, id);
		after = limits[at++]->id;
	}
	assert_int_equal(at, n);
	assert_int_equal(limit_table_page(table, tenant, after, limits, page), 0);
	assert_int_equal(limit_table_count(table, tenant), count);
}

static size_t count_unconfirmed(const struct expected *expected)
{
	size_t n = 0;

	for (uint32_t t = 0; t < TENANTS; t++)
		for (unsigned int i = 0; i < IDS; i++)
			n += confirm_by(expected->revision[t][i]) != 0;
	return n;
}

struct visit {
	const struct expected *expected;
	size_t n;
	size_t stop_at;
};

static int visit_entry(const struct limit_entry *entry, void *data)
{
	struct visit *visit = data;
	unsigned int i = (unsigned int)strtoul(entry->limit.id + 4, NULL, 10);

	assert_int_equal(visit->expected->revision[entry->tenant_number][i], entry->limit.revision);
	return ++visit->n == visit->stop_at ? 7 : 0;
}

static void assert_visits(const struct limit_table *table, const struct expected *expected,
			  size_t total)
{
	struct visit all = {.expected = expected};
	struct visit half = {.expected = expected, .stop_at = total / 2};

	assert_int_equal(limit_table_visit(table, visit_entry, &all), 0);
	assert_int_equal(all.n, total);
	if (half.stop_at == 0)
		return;
	assert_int_equal(limit_table_visit(table, visit_entry, &half), 7);
	assert_int_equal(half.n, half.stop_at);
}

static void assert_holds(const struct limit_table *table, const struct expected *expected)
{
	size_t total = 0;

	for (uint32_t t = 0; t < TENANTS; t++) {
		assert_tenant_holds(table, t, expected->revision[t], 1 + total % 97);
		total += limit_table_count(table, t);
	}
	assert_int_equal(limit_table_size(table), total);
	assert_int_equal(limit_table_unconfirmed(table), count_unconfirmed(expected));
	assert_visits(table, expected, total);
}

static void limit_table_random_changes_equal_plain_array(void **state)
{
	struct expected *expected = calloc(1, sizeof(*expected));
	struct limit_table *table, *next;

	srand(20);
	assert_int_equal(limit_table_new(&table), 0);
	for (uint64_t step = 1; step <= STEPS; step++) {
		uint32_t tenant = (uint32_t)rand() % TENANTS;
		unsigned int i = (unsigned int)rand() % IDS;
		/* Fills up, empties, fills up again. */
		bool puts = (unsigned int)rand() % 10 < (step / 2000 % 2 ? 1U : 7U);

		assert_int_equal(limit_table_copy(table, &next), 0);
		if (puts)
			put(next, tenant, i, step);
		else
			removed(next, tenant, i);
		if (step % CHECK_EVERY == 0)
			assert_holds(table, expected); /* not touched by its copy */
		expected->revision[tenant][i] = puts ? step : 0;
		if (step % CHECK_EVERY == 0)
			assert_holds(next, expected);
		limit_table_free(table);
		table = next;
	}
	limit_table_free(table);
	free(expected);
}

static void limit_table_grown_in_order_pages_in_order(void **state)
{
	const struct limit *limits[IDS + 1];
	struct limit_table *table;
	char id[ID_SIZE];

	assert_int_equal(limit_table_new(&table), 0);
	for (unsigned int i = 0; i < IDS; i++)
		put(table, 0, i, i + 1);
	assert_int_equal(limit_table_page(table, 0, NULL, limits, IDS + 1), IDS);
	for (unsigned int i = 0; i < IDS; i++)
		assert_int_equal(limits[i]->revision, i + 1);
	make_id(IDS / 2, id);
	assert_int_equal(limit_table_page(table, 0, id, limits, 3), 3);
	assert_int_equal(limits[0]->revision, IDS / 2 + 2);
	/* An id that is gone is still a place to go on from. */
	removed(table, 0, IDS / 2);
	assert_int_equal(limit_table_page(table, 0, id, limits, 3), 3);
	assert_int_equal(limits[0]->revision, IDS / 2 + 2);
	limit_table_free(table);
}

static void limit_table_empty_answers(void **state)
{
	const struct limit *limits[1];
	struct limit_table *table;

	assert_int_equal(limit_table_new(&table), 0);
	assert_int_equal(find(table, 0, 1), 0);
	assert_int_equal(limit_table_page(table, 0, NULL, limits, 1), 0);
	assert_int_equal(limit_table_count(table, 0), 0);
	removed(table, 0, 1);
	put(table, UINT32_MAX, 1, 5);
	assert_int_equal(limit_table_count(table, UINT32_MAX), 1);
	assert_int_equal(limit_table_count(table, UINT32_MAX - 1), 0);
	limit_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_table_random_changes_equal_plain_array),
		cmocka_unit_test(limit_table_grown_in_order_pages_in_order),
		cmocka_unit_test(limit_table_empty_answers),
	};

	return cmocka_run_group_tests_name("service/limit_table", tests, NULL, NULL);
}
