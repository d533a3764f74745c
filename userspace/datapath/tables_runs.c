/* Cuts a field's values into runs that the same rules take, and gives equal vectors one class. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/tables_priv.h"

void tables_edges_clear(struct tables_work *work)
{
	work->n_edges = 0;
}

void tables_edges_add(struct tables_work *work, int bit, tables_value first, tables_value last,
		      tables_value top)
{
	assert(work->n_edges + 2 <= TABLES_EDGES_MAX);
	work->edge[work->n_edges++] = (struct tables_edge){.at = first, .bit = bit, .step = 1};
	if (last < top)
		work->edge[work->n_edges++] =
			(struct tables_edge){.at = last + 1, .bit = bit, .step = -1};
}

static int compare_edges(const void *a, const void *b)
{
	const struct tables_edge *one = a, *other = b;

	return (one->at > other->at) - (one->at < other->at);
}

/* A run that begins where the last one did replaces it; one of the same rules continues it. */
static void put_run(struct tables_work *work, tables_value first, uint64_t rules)
{
	if (work->n_runs > 0 && work->run[work->n_runs - 1].first == first)
		work->n_runs--;
	if (work->n_runs > 0 && work->run[work->n_runs - 1].rules == rules)
		return;
	work->run[work->n_runs++] = (struct tables_run){.first = first, .rules = rules};
}

/* Ranges of one rule may lie in each other, so each rule has a depth. */
void tables_runs_make(struct tables_work *work, uint64_t base)
{
	int depth[SLUICE_RULES_MAX] = {0};
	uint64_t rules = base;

	qsort(work->edge, work->n_edges, sizeof(work->edge[0]), compare_edges);
	work->n_runs = 0;
	put_run(work, 0, base);
	for (size_t i = 0; i < work->n_edges; i++) {
		const struct tables_edge *edge = &work->edge[i];

		depth[edge->bit] += edge->step;
		if (depth[edge->bit] > 0)
			rules |= 1ULL << edge->bit;
		else
			rules &= ~(1ULL << edge->bit);
		put_run(work, edge->at, rules);
	}
}

void tables_classes_begin(struct tables_work *work, __u64 *row)
{
	work->row = row;
	work->n_classes = 0;
	memset(work->index, 0, sizeof(work->index));
}

int tables_class_of(struct tables_work *work, uint64_t rules)
{
	/* 2^64 divided by the golden ratio: spreads vectors that differ in few bits. */
	size_t at = (rules * 0x9e3779b97f4a7c15ULL) >> 40 & (TABLES_INDEX_SIZE - 1);

	while (work->index[at] != 0 && work->row[work->index[at] - 1] != rules)
		at = (at + 1) & (TABLES_INDEX_SIZE - 1);
	if (work->index[at] != 0)
		return work->index[at] - 1;
	if (work->n_classes == SLUICE_CLASSES_MAX)
		return -1;
	work->row[work->n_classes++] = rules;
	work->index[at] = (uint16_t)work->n_classes;
	return (int)work->n_classes - 1;
}
