/* Reads CLOCK_MONOTONIC, or a clock that only clock_advance_ms() moves. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL
/* A token bucket's word ends at 2^59 ns, and up to a quarter of that may be debt. */
#define UPTIME_MAX_NS (13ULL * 365 * 86400 * NS_PER_S)

enum {
	OFFSET_READINGS = 8,
};

static uint64_t read_clock(clockid_t id)
{
	struct timespec at;
	int err = clock_gettime(id, &at);

	assert(err == 0);
	(void)err;
	return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
}

uint64_t monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t monotonic_ms(void)
{
	return monotonic_ns() / NS_PER_MS;
}

/* The reading that was interrupted least: UTC lies between two readings of the other clock. */
static uint64_t measure_utc_offset(void)
{
	uint64_t offset = 0, least = UINT64_MAX;

	for (int i = 0; i < OFFSET_READINGS; i++) {
		uint64_t before = monotonic_ns();
		uint64_t utc = read_clock(CLOCK_REALTIME);
		uint64_t width = monotonic_ns() - before;

		if (width < least) {
			least = width;
			offset = utc - (before + width / 2);
		}
	}
	return offset;
}

void clock_init_real(struct clock *clock)
{
	*clock = (struct clock){.utc_offset_ns = measure_utc_offset()};
}

void clock_init_frozen(struct clock *clock)
{
	*clock = (struct clock){
		.frozen = true,
		.frozen_ns = monotonic_ns(),
		.utc_offset_ns = measure_utc_offset(),
	};
}

uint64_t clock_now_ns(const struct clock *clock)
{
	if (clock->frozen)
		return __atomic_load_n(&clock->frozen_ns, __ATOMIC_ACQUIRE);
	return monotonic_ns();
}

uint64_t clock_utc_ms(const struct clock *clock)
{
	return (clock_now_ns(clock) + clock->utc_offset_ns) / NS_PER_MS;
}

uint64_t clock_utc_offset_ns(const struct clock *clock)
{
	return clock->frozen ? clock->utc_offset_ns : measure_utc_offset();
}

int clock_advance_ms(struct clock *clock, uint64_t ms)
{
	uint64_t now;

	if (!clock->frozen)
		return -EINVAL;
	if (ms > UPTIME_MAX_NS / NS_PER_MS)
		return -ERANGE;
	now = __atomic_load_n(&clock->frozen_ns, __ATOMIC_ACQUIRE);
	do {
		if (now + ms * NS_PER_MS > UPTIME_MAX_NS)
			return -ERANGE;
	} while (!__atomic_compare_exchange_n(&clock->frozen_ns, &now, now + ms * NS_PER_MS, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return 0;
}
