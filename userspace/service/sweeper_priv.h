/* A thread that lets the engine forget idle keys, a few at a time. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "engine/engine.h"

struct sweeper {
	struct engine *engine;     /* borrowed */
	const struct clock *clock; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock; /* guards stop */
	pthread_cond_t wake;
	bool stop;
	uint64_t pass_ns;
};

enum { SWEEP_PASS_MS = 10000 };

/* How much to sweep, and how long to rest before the next step. */
struct sweep_pace {
	uint64_t rest_ns;
	size_t cells;
};

/* A whole pass takes about pass_ns, in steps so small that no check waits long for a shard. */
struct sweep_pace sweep_pace_for(uint64_t keys, uint64_t pass_ns);

/* 0 or -errno. */
int sweeper_start(struct sweeper *sweeper, struct engine *engine, const struct clock *clock,
		  uint32_t pass_ms);
/* Returns at once: the thread is not waited for to finish a pass. */
void sweeper_stop(struct sweeper *sweeper);
