/* Sets of packet limits for tests: from JSON as a user writes it, or random. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath.h"
#include "unit/algorithm/random.h"

enum { LIMIT_SET_MAX = SLUICE_RULES_MAX + 1 };

/* limit[] is what datapath_apply() takes. */
struct limit_set {
	size_t n;
	struct datapath_limit limit[LIMIT_SET_MAX];
	struct limit own[LIMIT_SET_MAX];
};

/* On the heap: a set is large. */
struct limit_set *limit_set_new(void);
void limit_set_free(struct limit_set *set);
static inline void limit_set_freep(struct limit_set **set)
{
	limit_set_free(*set);
}
#define _cleanup_limit_set_ _cleanup_(limit_set_freep)

/* Adds a limit and gives its place. `members` go into {"scope":"packet",...}. */
struct datapath_limit *limit_set_add(struct limit_set *set, const char *id, const char *members);
/* Changes the limit of that id as a PUT of `members` does. */
void limit_set_change(struct limit_set *set, const char *id, const char *members);
void limit_set_remove(struct limit_set *set, const char *id);
void limit_set_clear(struct limit_set *set);

/*
 * Adds n limits with random lists, modes and numbers. Values come from few places, so that lists
 * meet; `crowd` of 100 leaves a member out with that chance in percent.
 */
void limit_set_add_random(struct limit_set *set, struct algo_random *random, size_t n,
			  unsigned int crowd);
/* An address near those that random limits name. `ret` has 16 bytes; IPv4 fills 4. */
void limit_set_random_address(struct algo_random *random, unsigned int family, uint8_t *ret);
uint16_t limit_set_random_port(struct algo_random *random);
uint8_t limit_set_random_proto(struct algo_random *random);
