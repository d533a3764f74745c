/* A thread that carries notes on changes and what tenants asked into the ledger. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "service/history.h"
#include "service/tally.h"

enum {
	/* Notes that may wait in the store; changes beyond go on without one. */
	SCRIBE_NOTES_MAX = 10000,
	SCRIBE_MARKS = 4, /* cells of a tenant that go into the ledger */
};

struct usage_batch;

struct scribe {
	struct service *service; /* borrowed */
	struct ledger *ledger;   /* borrowed; NULL: nothing is written down */
	_Atomic uint64_t interval_ns;
	_Atomic uint64_t audit_keep_ms, usage_keep_ms;
	pthread_t thread;
	bool running;

	/* Notes known to be in the store, and changes that have none. Below 0 for a moment: a note is
	 * carried off before its change is counted. */
	atomic_long waiting;
	_Atomic uint64_t lost;

	pthread_mutex_t lock; /* guards what follows, up to `work` */
	pthread_cond_t wake;
	pthread_cond_t opened; /* the first try to open the ledger is over */
	bool stop;
	bool told;  /* there is a new note */
	bool ready; /* the ledger is open, as far as is known */
	struct service_ledger state;
	char last_id[ID_SIZE];

	pthread_mutex_t work; /* one caller at a time carries; taken before `lock` */
	char run[ID_SIZE];
	uint64_t number;                  /* of the batch made last */
	struct usage_batch *first, *last; /* not in the ledger yet */
	size_t n_batches;
	uint64_t hour_ms;                /* in which counts since the last batch fall */
	uint64_t (*marks)[SCRIBE_MARKS]; /* what is in batches, by tenant */
	uint32_t n_marks;
};

void scribe_init(struct scribe *scribe, const struct service_config *config,
		 struct service *service);
/* Store, reconciler and tally are there. 0, -errno or STORE_E_*. */
int scribe_start(struct scribe *scribe);
/* Carries a last time, and ends the thread; once is enough. */
void scribe_stop(struct scribe *scribe);
void scribe_done(struct scribe *scribe);
/* From any thread; 0: 10 s. */
void scribe_set_interval(struct scribe *scribe, uint32_t interval_ms);
void scribe_set_keep(struct scribe *scribe, uint64_t audit_ms, uint64_t usage_ms);

/* Whether a change that begins now is to bring a note. */
bool scribe_takes_notes(const struct scribe *scribe);
/* Ids rise in the order of the calls. */
void scribe_make_id(struct scribe *scribe, uint64_t utc_ms, char id[ID_SIZE]);
/* A transaction with so many notes was written, and changes that should have had one had none. */
void scribe_tell(struct scribe *scribe, size_t notes, size_t unnoted);

/*
 * Carries all that there is, for a caller who is about to read the ledger. Whatever fails, what
 * could not be carried waits for the next time. As the calls of ledger.h.
 */
int scribe_catch_up(struct scribe *scribe, struct field_error *error);
/* Whether the ledger can be read, else *error says why not. Right after a start it waits a moment. */
bool scribe_is_ready(struct scribe *scribe, struct field_error *error);
void scribe_state(struct scribe *scribe, struct service_ledger *ret);

/* The two halves of catching up; the caller holds `work`. */
int scribe_carry_notes(struct scribe *scribe, struct field_error *error);
int scribe_carry_usage(struct scribe *scribe, struct field_error *error);
/* scribe_notes.c: how many notes wait in the store. 0 or as store_range(). */
int scribe_count_notes(struct scribe *scribe, long *ret);
/* scribe_usage.c */
void scribe_free_usage(struct scribe *scribe);
