/* The thread that tells listeners what is going on, and what it works on. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "service/events.h"
#include "service/events_sampler_priv.h"
#include "service/events_watched_priv.h"

/* Chosen among the samples of one tick, each with the same chance. */
struct events_pick {
	struct events_decision decision;
	char key[ENGINE_KEY_MAX];
};

struct events_picks {
	struct events_pick at[EVENTS_DECISIONS_PER_TICK];
	size_t n;
	uint64_t offered;
};

struct events_listener {
	struct events_listener *next;
	struct events *events;
	struct events_wish wish;
	struct watched *watched; /* of its tenant; the thread's */
	struct events_picks denied, allowed;
	bool closed; /* guarded by events.lock */
};

struct events {
	struct sampler sampler; /* first: every check looks at it */
	struct service *service;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* guards the next three; never held while listeners are called */
	pthread_cond_t wake;
	struct events_listener *newcomers;
	bool stirred; /* somebody came or goes */
	bool stop;

	/* The thread's own. */
	struct events_listener *listeners;
	struct watched *tenants;
	uint32_t tick;
	uint64_t random;
	bool host_known;        /* the host's figures are of some second */
	uint64_t host_since_ns; /* 0: never read */
	struct sluice_reasons reasons;
	struct events_host host;
	struct events_limit limits[EVENTS_LIMITS_MAX];
};

void events_init(struct events *events, struct service *service);
/* 0 or -errno. */
int events_start(struct events *events);
/* Ends the thread and all listeners; once more is fine. */
void events_halt(struct events *events);
/* No thread may be checking any more. */
void events_done(struct events *events);

/* What the thread does; tests do it on a time of their own. */
/* Takes in who came, and ends who was closed. */
void events_admit(struct events *events, uint64_t now_ns);
/* Tells what a tick brings, EVENTS_TICKS_PER_S times a second. */
void events_tick(struct events *events, uint64_t now_ns);

/* events_news.c: tells one listener what this tick brings. */
void events_tell(struct events *events, struct events_listener *listener, uint64_t now_ns,
		 bool rates_due);
/* Offers a sample of its tenant to the listener's choice of decisions. */
void events_offer(struct events *events, struct events_listener *listener,
		  const struct sample *sample);
/* Reads the figures of the whole host. */
void events_measure_host(struct events *events, uint64_t now_ns);
