/* Resets that no snapshot shows yet: kept in the store, applied to what the next start takes over. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "engine/engine.h"
#include "model/limit.h"
#include "store/store.h"

/*
 * A reset changes nothing but what keys consumed, which is on disk only as of the last snapshot: a kill
 * before the next one would undo it. So each leaves a record beside its note, under its limit's id or
 * that and a digest of the key. A snapshot carries the revision of the store as of its beginning
 * ("mark"): resets up to it are in what it shows, and once it is on disk their records go.
 */
#define RESETS_ROOT "resets/"

enum {
	RESETS_NAME_SIZE = sizeof(RESETS_ROOT) + ID_SIZE + 2UL * AUTH_DIGEST_SIZE + 1,
};

struct resets {
	struct store *store; /* borrowed, as are the next two */
	struct engine *engine;
	const struct clock *clock;
	bool kept;             /* there are snapshots */
	bool any;              /* as of the last mark, whose taker owns it: there were records */
	pthread_rwlock_t lock; /* read: between a record and the engine; write: taking a mark */
};

/* The record of one reset. */
struct resets_record {
	char name[RESETS_NAME_SIZE];
	struct buf value;
};

static inline void resets_record_done(struct resets_record *record)
{
	buf_done(&record->value);
}
#define _cleanup_resets_record_ _cleanup_(resets_record_done)

void resets_init(struct resets *resets, struct store *store, struct engine *engine,
		 const struct clock *clock, bool kept);
void resets_done(struct resets *resets);

/* From before the record is written until the engine has forgotten. */
void resets_begin(struct resets *resets);
void resets_end(struct resets *resets);
/* key NULL: all keys. 0 or -ENOMEM; *record is to be done with in any case. */
int resets_describe(const char *limit_id, const char *key, size_t key_len,
		    struct resets_record *record);
/* Forgets in the engine: 0 or ENGINE_E_NOT_FOUND, -ENOMEM. */
int resets_apply(struct resets *resets, const char *limit_id, const char *key, size_t key_len);

/* The present mark: no reset is half done. False: the store cannot tell. */
bool resets_mark(struct resets *resets, uint64_t *ret_mark);
/* Those after the mark, in what was just taken over: 0 or -errno. */
int resets_restore(struct resets *resets, uint64_t mark);
/* A snapshot with this mark is on disk. What fails is tried again after the next one. */
void resets_forget(struct resets *resets, uint64_t mark);
