/* A thread that takes back limits nobody confirmed in time, and tries failed packet sets again. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "service/service.h"

enum {
	KEEPER_STEP_MS = 150, /* real time, also under a clock that is moved by hand */
};

struct keeper {
	struct service *service; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock; /* guards stop and taken */
	pthread_cond_t wake;
	bool stop;
	struct service_taken_back taken;

	/* The thread's own: when the first limit of the catalog of this revision is due. */
	uint64_t revision;
	uint64_t due_ms;
	uint64_t rest_until_ns; /* CLOCK_MONOTONIC: after a failure */
};

/* The service has its catalog and its reconciler watches. 0 or -errno. */
int keeper_start(struct keeper *keeper, struct service *service);
/* Waits for a deletion under way. */
void keeper_stop(struct keeper *keeper);
