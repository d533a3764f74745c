/* Runs a program over and over on one CPU, in a thread of its own. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/packets.h"

struct flood {
	int program;
	int cpu;
	const struct packet *packet; /* the same each time; borrowed */
	bool slow;                   /* as below */
	int err;
	bool stop; /* atomic */
	pthread_t thread;
};

/*
 * Fill the first four members. The first packet comes some 20 ms later, which the kernel takes to
 * prepare a run; from then on they come without a pause. RCU then waits 100 ms for this CPU, and so
 * does a change of limits; not if slow, which is a system call for each packet: some 500 ns.
 */
void flood_start(struct flood *flood);
/* Returns after the last packet; fails the test if the program could not be run. */
void flood_end(struct flood *flood);

/* Keeps this thread on a CPU, beside a flood on another. 0 or a positive errno. */
int flood_stay_on(int cpu);

/* One packet, from this thread: true if it passes. */
bool flood_once(int program, const struct packet *packet);

/* CLOCK_MONOTONIC, as the program reads it. */
uint64_t flood_clock_ns(void);
/* Sleeps until then. */
void flood_wait_until(uint64_t ns);
