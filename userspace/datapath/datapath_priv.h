/* What the backends of the packet path share: slots, lines, and the tables made of limits. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

#include <sluice/layout.h>
#include <sluice/line.h>

#include "datapath/backends.h"

/*
 * Backends embed it first. After datapath_init() they fill lines, n_lines, slots and seed with
 * memory that the programs share (or, natively, do not), perhaps holding what an earlier controller
 * left there, and then call datapath_adopt().
 */
struct datapath {
	const struct datapath_ops *ops;
	pthread_mutex_t lock; /* guards slots against datapath_counts() and _capacity() */
	struct sluice_line *lines;
	uint32_t n_lines;
	struct sluice_slot *slots; /* SLUICE_RULES_MAX */
	uint64_t seed[4];
	char off[DATAPATH_WHY_SIZE]; /* "": packets are limited */
};

int datapath_init(struct datapath *datapath, const struct datapath_ops *ops);
void datapath_done(struct datapath *datapath);
/* Drops slots that contradict each other or the lines (a damaged map); returns how many. */
size_t datapath_adopt(struct datapath *datapath);

/* tables.c: fills *ret (zeroed by the caller) from limits and the slots they have. 0 or
 * DATAPATH_E_TOO_MANY (prefixes). */
int tables_build(const struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		 struct field_error *error, struct sluice_tables *ret);

/* overlap.c: the most rules that one readable packet can match. */
unsigned int tables_overlap(const struct sluice_tables *tables);

/* regions.c: where a limit's lines lie among all, by the buddy system over what slots hold. */
/* How many lines a limit wants: so many that 10 Mpps of keys never seen leave it half empty. */
uint32_t region_want(const struct datapath_limit *limit, uint32_t n_lines);
/* Finds a free range of at most `want` lines and at least `least`. 0 or -ENOSPC. */
int region_find(const struct sluice_slot *slots, uint32_t n_lines, uint32_t want, uint32_t least,
		uint32_t *ret_first, uint32_t *ret_count);
