/* Takes checks at random, as many as the events thread can use, and puts them where it finds them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "metrics/counters.h"
#include "service/check.h"
#include "service/events_ring_priv.h"

enum {
	SAMPLER_NO_HIT = UINT8_MAX,
	/* One for each thread that has its own counters, and one that all others share. */
	SAMPLER_RINGS = COUNTERS_THREADS + 1,
};

struct sample_hit {
	char id[ENGINE_ID_SIZE];
	bool refused;
};

/* One check as it lies in a ring; the key follows the hits. */
struct sample {
	uint64_t time_ms; /* unix time */
	int64_t cost;
	uint32_t tenant;
	uint32_t weight; /* checks that it stands for */
	uint16_t key_len;
	uint8_t n_hits;
	uint8_t tightest; /* index of a hit, or SAMPLER_NO_HIT */
	bool allowed;
	struct sample_hit hits[];
};

_Static_assert(sizeof(struct sample) + ENGINE_MATCH_MAX * sizeof(struct sample_hit) +
			       ENGINE_KEY_MAX <=
		       RING_ENTRY_MAX,
	       "every check fits a ring");
_Static_assert((int)ENGINE_MATCH_MAX < (int)SAMPLER_NO_HIT, "hits are numbered by bytes");

static inline const char *sample_key(const struct sample *sample)
{
	return (const char *)&sample->hits[sample->n_hits];
}

struct sampler_slot {
	struct ring *_Atomic ring; /* owned; NULL until its thread has something to tell */
	atomic_flag busy;          /* a thread is writing; matters where threads share */
};

struct sampler {
	/* Grows with time, since each thread has a budget for each tick; 0: nobody listens. Every
	 * check reads it: on a cache line where nothing else is written. */
	char before[64];
	atomic_uint tick;
	char behind[64];
	_Atomic uint64_t lost;
	struct sampler_slot slots[SAMPLER_RINGS];
};

void sampler_init(struct sampler *sampler);
/* No thread may be checking any more. */
void sampler_done(struct sampler *sampler);

/*
 * Whether this thread's next check is one to take: 0, or how many it stands for. Each is taken with
 * a probability of 1 in N, whatever came before, so nothing that repeats itself is favoured and
 * N times what was taken is right in the mean. N follows what the thread checked in the tick
 * before, and doubles as often as a tick brings more than it should.
 */
uint32_t sampler_draw(uint32_t tick);

/* While somebody listens: takes this check or not. */
void sampler_see(struct sampler *sampler, const struct clock *clock, const struct principal *who,
		 const struct check_request *request, const struct check_answer *answer);

static inline bool sampler_listens(const struct sampler *sampler)
{
	return atomic_load_explicit(&sampler->tick, memory_order_relaxed) != 0;
}

/* The events thread's: what was taken so far, oldest first within a thread. */
void sampler_drain(struct sampler *sampler, void (*take)(const struct sample *sample, void *data),
		   void *data);
