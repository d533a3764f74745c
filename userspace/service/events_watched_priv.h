/* One tenant that somebody listens to: what its limits counted, and their busiest keys. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/events.h"
#include "service/events_heavy_priv.h"
#include "service/events_sampler_priv.h"

enum {
	/* Limits whose keys are followed: the busiest, and those that somebody asks for by name. */
	WATCHED_FOLLOWED_MAX = EVENTS_LIMITS_MAX + 64,
};

/* One limit of the tenant. */
struct watched_row {
	char id[ID_SIZE];
	const struct limit *limit; /* borrowed from the catalog of the last count */
	struct limit_stats counted;
	struct events_flow flow; /* between the last two counts */
	bool busy;               /* among the busiest */
};

struct watched_rows {
	struct watched_row *at; /* owned; sorted by id */
	size_t n, size;
};

struct watched_follow {
	char id[ID_SIZE];
	struct heavy *heavy; /* owned */
	double seconds;      /* that its figures are of, faded as they are */
};

/* Touched by the events thread only. */
struct watched {
	struct watched *next;
	uint32_t tenant_number;
	unsigned int listeners;
	uint64_t since_ns;  /* CLOCK_MONOTONIC; of the last count */
	unsigned int ticks; /* since then */
	uint64_t checks[METRICS_N_CHECKS];
	double checks_per_s[METRICS_N_CHECKS]; /* between the last two counts */
	struct watched_rows rows, former;
	struct watched_row *busiest[EVENTS_LIMITS_MAX];
	size_t n_busiest;
	struct events_flow others;                           /* of all that are not among those */
	struct watched_follow follows[WATCHED_FOLLOWED_MAX]; /* sorted by id */
	size_t n_follows;
	uint64_t samples, weight; /* since the last count */
	double seconds;           /* between the last two counts; 0: nothing is known yet */
	double sampled_1_of;      /* in these */
};

/* A counter's, a second; 0 when it began anew, as those of packets do when a limit's slot does. */
static inline double watched_rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

/* NULL: no memory. */
struct watched *watched_new(uint32_t tenant_number);
void watched_free(struct watched *watched);

/*
 * Reads all counters, to be compared with those of the call before: rates are known from the second
 * call on. No lock is held for longer than a look at one limit. 0, or -ENOMEM and nothing is known
 * until two more calls.
 */
int watched_count(struct watched *watched, struct service *service, const struct catalog *catalog,
		  uint64_t now_ns);

/* One check of this tenant. */
void watched_take(struct watched *watched, const struct sample *sample);

/*
 * After each count, and after it was told: fades the figures of keys, and from now on follows the
 * keys of the busiest limits and of the n others. After the first count the busiest are those that
 * were so since the start. What finds no memory is followed later.
 */
void watched_follow(struct watched *watched, const char *const *others, size_t n);

/* The limit of this id, as of the last count, or NULL. */
const struct watched_row *watched_find(const struct watched *watched, const char *id);
/* Texts of keys are borrowed until the next watched_take(). */
void watched_tell(const struct watched *watched, const struct watched_row *row,
		  struct events_limit *ret);
