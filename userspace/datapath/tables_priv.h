/* What compiling limits into tables works on: runs of a field's values, and classes of vectors. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath_priv.h"

enum {
	TABLES_SPANS_MAX = SLUICE_RULES_MAX * PACKET_LIST_MAX,
	TABLES_EDGES_MAX = 2 * TABLES_SPANS_MAX,
	TABLES_INDEX_SIZE = 2 * SLUICE_CLASSES_MAX, /* a power of two */
};

/* Holds every value that a packet's field can have. */
typedef unsigned __int128 tables_value;

/* Where a value range of one rule begins (step 1), or has just ended (-1). */
struct tables_edge {
	tables_value at;
	int bit;
	int step;
};

/* From `first` up to the next run's first, every value is taken by the same rules. */
struct tables_run {
	tables_value first;
	uint64_t rules;
};

/*
 * One compilation's scratch memory. For each dimension and family: tables_edges_clear(),
 * tables_edges_add() for each range of each rule, tables_runs_make(). For each dimension:
 * tables_classes_begin(), tables_class_of() for each run.
 */
struct tables_work {
	const struct packet_match *match[SLUICE_RULES_MAX]; /* by bit */
	size_t n;
	size_t n_edges;
	size_t n_runs;
	size_t n_classes;
	__u64 *row; /* of the table that classes are for */
	struct tables_edge edge[TABLES_EDGES_MAX];
	struct tables_run run[TABLES_EDGES_MAX + 1];
	uint16_t index[TABLES_INDEX_SIZE]; /* class + 1 by hash of its vector */
};

/* tables_runs.c */
void tables_edges_clear(struct tables_work *work);
/* first .. last, inclusive; `top` is the largest value of the field. */
void tables_edges_add(struct tables_work *work, int bit, tables_value first, tables_value last,
		      tables_value top);
/* Fills run: sorted, run 0 begins at 0, neighbours differ. `base`: rules that take all values. */
void tables_runs_make(struct tables_work *work, uint64_t base);

void tables_classes_begin(struct tables_work *work, __u64 *row);
/* The class whose row is `rules`, or -1 when there are SLUICE_CLASSES_MAX others. */
int tables_class_of(struct tables_work *work, uint64_t rules);

/* tables_address.c; `source`: src instead of dst. 0 or DATAPATH_E_TOO_MANY, as below. */
int tables_address_fill(struct tables_work *work, bool source, struct field_error *error,
			struct sluice_address_table *ret);
/* tables_port.c */
int tables_port_fill(struct tables_work *work, struct field_error *error,
		     struct sluice_port_table *ret);
