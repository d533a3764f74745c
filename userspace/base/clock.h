/* One monotonic clock and its offset to UTC, real or moved by hand. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Everything that decides runs on CLOCK_MONOTONIC; UTC is that plus one offset, measured when the
 * clock is made. A test clock stands still until it is advanced. Thread-safe.
 */
struct clock {
	bool frozen;
	uint64_t frozen_ns;     /* atomic; read while frozen */
	uint64_t utc_offset_ns; /* UTC minus monotonic */
};

void clock_init_real(struct clock *clock);
/* Starts at the present time and stands still. */
void clock_init_frozen(struct clock *clock);

/* CLOCK_MONOTONIC itself: how long things take here, also while a clock stands still. */
uint64_t monotonic_ns(void);
uint64_t monotonic_ms(void);

uint64_t clock_now_ns(const struct clock *clock);
uint64_t clock_utc_ms(const struct clock *clock);
/* UTC minus monotonic as of now: UTC may have been set since the clock was made. */
uint64_t clock_utc_offset_ns(const struct clock *clock);

/* Moves a frozen clock. Returns 0, -EINVAL on a real clock, -ERANGE if it left 13 years of uptime. */
int clock_advance_ms(struct clock *clock, uint64_t ms);
