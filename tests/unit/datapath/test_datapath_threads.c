/* Figures are asked for by other threads while sets of limits come and go. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "datapath/memory_priv.h"
#include "unit/datapath/limit_set.h"

enum { READERS = 2, ROUNDS = 30 };

struct rig {
	struct datapath *datapath;
	atomic_bool over;
	atomic_ulong found; /* answers about "lim_some" */
	atomic_ulong lost;  /* times that "lim_keep" was not found */
};

static void *read_figures(void *data)
{
	struct rig *rig = data;
	struct datapath_capacity capacity;
	struct sluice_reasons reasons;
	struct sluice_counts counts;

	while (!rig->over) {
		rig->lost += datapath_counts(rig->datapath, "lim_keep", &counts) != 0;
		rig->lost += datapath_capacity(rig->datapath, "lim_keep", 1, &capacity) != 0;
		rig->found += datapath_counts(rig->datapath, "lim_some", &counts) == 0;
		rig->found += datapath_capacity(rig->datapath, "lim_some", 1, &capacity) == 0;
		datapath_reset(rig->datapath, "lim_some");
		datapath_reasons(rig->datapath, &reasons);
	}
	return NULL;
}

/* "lim_some" is there every other time, with another burst each. */
static void come_and_go(struct rig *rig, struct limit_set *set)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		char members[64];

		limit_set_add(set, "lim_some", "\"per\":\"src\",\"limit\":9,\"interval\":\"1s\"");
		assert_int_equal(datapath_apply(rig->datapath, set->limit, set->n, NULL), 0);
		snprintf(members, sizeof(members), "\"burst\":%u", 1 + i % 9);
		limit_set_change(set, "lim_some", members);
		assert_int_equal(datapath_apply(rig->datapath, set->limit, set->n, NULL), 0);
		limit_set_remove(set, "lim_some");
		assert_int_equal(datapath_apply(rig->datapath, set->limit, set->n, NULL), 0);
	}
}

static void figures_of_what_stays_are_there_while_others_come_and_go(void **state)
{
	_cleanup_limit_set_ struct limit_set *set = limit_set_new();
	pthread_t readers[READERS];
	struct rig rig = {0};

	assert_int_equal(datapath_open_memory(DATAPATH_LINES_MIN, &rig.datapath), 0);
	limit_set_add(set, "lim_keep", "\"limit\":10,\"interval\":\"1s\"");
	assert_int_equal(datapath_apply(rig.datapath, set->limit, set->n, NULL), 0);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_figures, &rig), 0);
	come_and_go(&rig, set);
	while (rig.found == 0)
		come_and_go(&rig, set);
	rig.over = true;
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_true(rig.lost == 0);
	datapath_close(rig.datapath, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_of_what_stays_are_there_while_others_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
