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
	pthread_mutex_t lock; /* guards slots and ticks against other threads; only _apply() writes */
	struct sluice_line *lines;
	uint32_t n_lines;
	struct sluice_slot *slots; /* SLUICE_RULES_MAX */
	uint64_t seed[4];
	char off[DATAPATH_WHY_SIZE];      /* "": packets are limited */
	uint64_t ticks[SLUICE_RULES_MAX]; /* datapath_ticks() by slot; 0: not applied here yet */
	uint64_t (*now_ns)(void);         /* CLOCK_MONOTONIC, unless a test moves it */
};

/* 0 or -errno. */
int datapath_init(struct datapath *datapath, const struct datapath_ops *ops);
void datapath_done(struct datapath *datapath);
/* Drops slots that contradict each other or the lines (a damaged map); returns how many. */
size_t datapath_adopt(struct datapath *datapath);

/* The emission interval, in 1/32 ns, of the smallest cost: a packet, or 64 bytes. */
uint64_t datapath_ticks(const struct datapath_limit *limit);

/*
 * tables.c: fills *ret (zeroed by the caller) from limits and the slots they have; those in mode
 * off are left out. 0, DATAPATH_E_TOO_MANY (addresses or ports), -ENOMEM.
 */
int tables_build(const struct sluice_slot *slots, const uint64_t seed[4],
		 const struct datapath_limit *limits, size_t n, struct field_error *error,
		 struct sluice_tables *ret);

/*
 * overlap.c: the most rules that one readable packet can match, where these are more than `floor`,
 * else `floor`. A set so intricate that counting takes too long gives a bound above. -ENOMEM.
 */
int tables_overlap(const struct sluice_tables *tables, unsigned int floor);

/* regions.c: where a limit's lines lie among all, by the buddy system over what slots hold. */

/* Lines in no slot's range. */
uint32_t region_free(const struct sluice_slot *slots, uint32_t n_lines);
/*
 * How many lines a limit wants: so many that 10 Mpps of keys never seen leave it half empty, yet at
 * most a quarter of what is free, and none of those that are `reserved` for further limits. At
 * least 64, but for the one line of a limit without `per`. A power of two.
 */
uint32_t region_want(const struct datapath_limit *limit, uint32_t n_free, uint32_t n_reserved);
/*
 * Finds a free range of `want` lines, or else the largest of at least `least`; all of these are
 * powers of two, and so is what is found. 0 or -ENOSPC.
 */
int region_find(const struct sluice_slot *slots, uint32_t n_lines, uint32_t want, uint32_t least,
		uint32_t *ret_first, uint32_t *ret_count);
