/* Sweeps the engine in steps whose pace follows the number of live keys. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/sweeper_priv.h"
#include "service/wake_priv.h"

#define NS_PER_S    1000000000ULL
#define REST_MIN_NS (NS_PER_S / 1000)
#define REST_MAX_NS (NS_PER_S / 10)

enum {
	STEP_CELLS = 256,
	/* engine_sweep() asks for at least so many cells per pass beyond the keys. */
	SPARE_CELLS = ENGINE_SHARDS * 16,
};

struct sweep_pace sweep_pace_for(uint64_t keys, uint64_t pass_ns)
{
	uint64_t total = keys + SPARE_CELLS;
	struct sweep_pace pace = {.rest_ns = pass_ns * STEP_CELLS / total};

	if (pace.rest_ns > REST_MAX_NS)
		pace.rest_ns = REST_MAX_NS;
	if (pace.rest_ns < REST_MIN_NS)
		pace.rest_ns = REST_MIN_NS;
	pace.cells = (size_t)(total / (pass_ns / pace.rest_ns) + 1);
	return pace;
}

/* True when it is time to stop. */
static bool rest(struct sweeper *sweeper, uint64_t ns)
{
	uint64_t until_ns = monotonic_ns() + ns;
	bool stop;
	int r = 0;

	pthread_mutex_lock(&sweeper->lock);
	while (!sweeper->stop && r == 0)
		r = wake_wait(&sweeper->wake, &sweeper->lock, until_ns);
	stop = sweeper->stop;
	pthread_mutex_unlock(&sweeper->lock);
	return stop;
}

static void *run_sweeper(void *data)
{
	struct sweeper *sweeper = data;
	struct engine_usage usage;
	struct sweep_pace pace;

	for (;;) {
		engine_usage(sweeper->engine, &usage);
		pace = sweep_pace_for(usage.keys, sweeper->pass_ns);
		if (rest(sweeper, pace.rest_ns))
			return NULL;
		engine_sweep(sweeper->engine, clock_now_ns(sweeper->clock), pace.cells);
	}
}

static void init_wake(struct sweeper *sweeper)
{
	pthread_mutex_init(&sweeper->lock, NULL);
	pthread_cond_init(&sweeper->wake, NULL);
}

static void done_wake(struct sweeper *sweeper)
{
	pthread_cond_destroy(&sweeper->wake);
	pthread_mutex_destroy(&sweeper->lock);
}

int sweeper_start(struct sweeper *sweeper, struct engine *engine, const struct clock *clock,
		  uint32_t pass_ms)
{
	int err;

	*sweeper = (struct sweeper){
		.engine = engine,
		.clock = clock,
		.pass_ns = pass_ms * (NS_PER_S / 1000),
	};
	init_wake(sweeper);
	err = pthread_create(&sweeper->thread, NULL, run_sweeper, sweeper);
	if (err) {
		done_wake(sweeper);
		return -err;
	}
	pthread_setname_np(sweeper->thread, "sweeper");
	return 0;
}

void sweeper_stop(struct sweeper *sweeper)
{
	pthread_mutex_lock(&sweeper->lock);
	sweeper->stop = true;
	pthread_cond_signal(&sweeper->wake);
	pthread_mutex_unlock(&sweeper->lock);
	pthread_join(sweeper->thread, NULL);
	done_wake(sweeper);
}
