/* Notices that files have changed: a moment after the first change, whether or not more come. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of directories, by inotify. One thread's. */
struct watch {
	int fd;          /* -1: nothing is watched */
	uint64_t due_ms; /* CLOCK_MONOTONIC: when to look at what has changed; 0: nothing has */
};

enum {
	WATCH_DIRS_MAX = 4,
};

void watch_init(struct watch *watch);
/* Watches these directories instead of what it did; what was noticed so far stays so. 0 or -errno. */
int watch_dirs(struct watch *watch, const char *const *dirs, size_t n);
/* Watches nothing, and forgets what was noticed. */
void watch_done(struct watch *watch);

/* How to wait for it, and how long at most: wait_ms or less. */
int watch_prepare(const struct watch *watch, struct pollfd *ret, int wait_ms);
/* After the wait. Whether it is time to look: then what comes from now on is noticed anew. */
bool watch_heed(struct watch *watch, const struct pollfd *waited);
