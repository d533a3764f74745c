/* Snapshots of what keys consumed: taken over at the start, written every interval and at the end. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"
#include "service/resets_priv.h"
#include "service/service.h"

enum {
	SAVER_INTERVAL_MS = 10000,
	SAVER_BLOCK = 65536,
};

/* Of the head, which is the first chunk, and of the engine's blocks behind it. */
#define SAVER_SCHEMA 2

struct saver {
	struct engine *engine; /* borrowed, as are the next three */
	const struct clock *clock;
	struct resets *resets;
	struct journal *journal; /* NULL: nothing is kept; the thread's while it runs */
	_Atomic uint64_t interval_ns;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* guards stop and state */
	pthread_cond_t wake;
	bool stop;
	struct service_snapshots state;

	/* The writer's own. */
	bool blocked;           /* what is there could be neither read nor put aside */
	bool saved;             /* saved_changes is true */
	uint64_t saved_changes; /* of the engine when the last snapshot began */
	uint64_t took_ns;       /* to write it */
	uint64_t mark;          /* of resets: those up to it are in what is written */
	uint8_t block[SAVER_BLOCK];
};

/* Reads engine, clock, journal and interval. Before anybody asks the engine. */
void saver_init(struct saver *saver, const struct service_config *config, struct engine *engine,
		struct resets *resets);
/* Takes the present snapshot over, limits being in force. What cannot be is put aside and told. */
void saver_restore(struct saver *saver);
/* Writes a snapshot if there is something new; only by whose turn it is. hurry: without rests. */
void saver_save(struct saver *saver, bool hurry);
/* 0 or -errno. */
int saver_start(struct saver *saver);
/* From any thread; 0: SAVER_INTERVAL_MS. */
void saver_set_interval(struct saver *saver, uint32_t interval_ms);
/* Writes a last time, at once, and ends the thread; once is enough. */
void saver_stop(struct saver *saver);
void saver_done(struct saver *saver);
void saver_state(struct saver *saver, struct service_snapshots *ret);

/* What a head says. */
struct saver_head {
	uint64_t then_ns; /* the present on the clock of the snapshot's times */
	uint64_t mark;    /* of resets */
};

/* saver_head.c: the first chunk, which says what the others mean. */
size_t saver_put_head(uint8_t head[SAVER_BLOCK], const struct clock *clock, uint64_t mark);
/* 0 or JOURNAL_E_DAMAGED. */
int saver_get_head(const void *bytes, size_t len, const struct clock *clock,
		   struct saver_head *ret);
