/* The packet path as the controller sees it: limits put in force, counted, adopted, attached. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/counts.h>
#include <sluice/tables.h>
#include <sluice/times.h>

#include "base/field_error.h"
#include "model/limit.h"

/*
 * Limits come as the whole set and go into force as the whole set: datapath_apply() swaps one
 * immutable sluice_tables for the next. What outlives that (bucket lines, counters, and the slots
 * that say whose they are) belongs to a limit from its first application until one without it,
 * also across controllers: whoever opens the same pins adopts it.
 *
 * Calls but datapath_counts(), _capacity(), _interfaces(), _reasons(), _times() and _off() come from
 * one thread at a time (the service's reconciler; datapath_tend() may run beside them); those six
 * come from any. A datapath that is off takes the empty set.
 */

/* Expected outcomes, positive. */
enum {
	DATAPATH_E_TOO_MANY =
		1, /* rules, overlap, prefixes or memory; *error says which and how many */
	DATAPATH_E_NOT_FOUND = 2, /* no such limit in force */
	DATAPATH_E_OFF = 3,       /* packets cannot be limited here; *error says why */
};

enum {
	DATAPATH_INTERFACES_MAX = 16,
	DATAPATH_WHY_SIZE = 192,
	DATAPATH_LINES_DEFAULT = (16 << 20) / 64, /* 16 MiB */
	DATAPATH_LINES_MIN = 1 << 10,
	DATAPATH_LINES_MAX = (1 << 30) / 64, /* 1 GiB */
};

/* One limit of packets, with scope packet and a match. Borrowed during the call. */
struct datapath_limit {
	const struct limit *limit;
	struct sluice_params params; /* as limit_compile() gives */
	uint64_t until_ns;           /* CLOCK_MONOTONIC; 0: always holds */
};

/* What a limit's own lines hold; see docs/packets.md for what follows from it. */
struct datapath_capacity {
	uint64_t keys;        /* buckets; 1 without `per` */
	uint64_t spoofed_pps; /* this rate of never-seen keys puts half of them in debt, so that one
			       * line in nine is full; LIMIT_NEVER_FULL without `per`, where nobody
			       * is new */
	double full;          /* share of its lines in which newcomers inherit: saturation, 0..1 */
};

enum datapath_mode {
	DATAPATH_NONE = 0, /* does not enforce: `why` */
	DATAPATH_NATIVE = 1,
	DATAPATH_GENERIC = 2, /* `why` native could not be had */
};
/* "none", "native", "generic". Static. */
const char *datapath_mode_name(enum datapath_mode mode);

struct datapath_interface {
	char name[IF_NAMESIZE];
	enum datapath_mode mode;
	char why[DATAPATH_WHY_SIZE]; /* "" when native */
};

struct datapath;

struct datapath_ops {
	int (*publish)(struct datapath *datapath, const struct sluice_tables *tables);
	int (*counts)(struct datapath *datapath, uint32_t slot, struct sluice_counts *ret);
	int (*clear_counts)(struct datapath *datapath, uint32_t slot);
	int (*reasons)(struct datapath *datapath, struct sluice_reasons *ret);
	int (*times)(struct datapath *datapath, struct sluice_times *ret);
	void (*tend)(struct datapath *datapath);
	size_t (*interfaces)(struct datapath *datapath, struct datapath_interface *ret, size_t n);
	/* detach: also removes programs, links and pins. */
	void (*close)(struct datapath *datapath, bool detach);
};

/*
 * Whether this set could be applied: 0, DATAPATH_E_TOO_MANY, DATAPATH_E_OFF, -ENOMEM. Changes
 * nothing. Limits in mode off count for nothing but their slot.
 */
int datapath_check(struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		   struct field_error *error);
/*
 * Puts exactly these limits in force: new ones get a slot and lines, those no longer there lose
 * theirs, changed ones keep what was consumed, as time, at most a whole burst. A packet sees the
 * set before or the set after; only where both do not fit side by side the limits that go leave a
 * moment before the new ones come. Ids are distinct. Outcomes as datapath_check(), and -errno: then
 * the set before holds (or in that case what of it stays).
 */
int datapath_apply(struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		   struct field_error *error);

/* Forgets what the limit's keys consumed; its counters stay. 0 or DATAPATH_E_NOT_FOUND. */
int datapath_reset(struct datapath *datapath, const char *id);

/* Summed over CPUs, since the limit was made. 0, DATAPATH_E_NOT_FOUND, -errno. */
int datapath_counts(struct datapath *datapath, const char *id, struct sluice_counts *ret);
/* now_ns: CLOCK_MONOTONIC. Samples the lines; some 100 us. 0 or DATAPATH_E_NOT_FOUND. */
int datapath_capacity(struct datapath *datapath, const char *id, uint64_t now_ns,
		      struct datapath_capacity *ret);
int datapath_reasons(struct datapath *datapath, struct sluice_reasons *ret);
/* From a program's start to its verdict, one clock reading included; of about 20 packets a second
 * since this controller opened. All 0 where nothing is timed. 0 or -errno. */
int datapath_times(struct datapath *datapath, struct sluice_times *ret);

/* Attaches what is not attached and may be by now (an interface that came back): once a second. */
void datapath_tend(struct datapath *datapath);
/* Every named interface, in the order named; returns how many, at most n are filled. */
size_t datapath_interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n);
/* NULL, or why packets are not limited at all (rights, kernel, no interface named). Static text or
 * owned by datapath. */
const char *datapath_off(const struct datapath *datapath);

/* Enforcement goes on without the controller, unless `detach`: then all it made is removed. NULL
 * is fine. */
void datapath_close(struct datapath *datapath, bool detach);
