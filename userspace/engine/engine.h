/* The engine: answers "may this key pass?" exactly, for every limit that covers the key. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/params.h>

/*
 * Pure: no I/O, no clock, no log. Time comes with each call, in ns of CLOCK_MONOTONIC; randomness
 * and slabs come with the configuration. All functions may be called from any thread.
 *
 * A key lives in one of ENGINE_SHARDS shards; its shard's lock guards the index and the nodes that
 * hold keys, never the words: those change by compare-and-swap only, so that a door which cannot
 * take the lock may share them later. Limits change while every shard lock is held, so a check sees
 * all of a change or nothing of it, and the check path takes no other lock.
 *
 * State is exact: a bucket is forgotten only when it equals one never used (sluice_idle), by the
 * sweep or to make room (which finds all idle keys, but looks at a million cells a second at most). When limits change, what a key consumed is kept: each live key is carried
 * over (sluice_convert) at its next check or by the sweep, whichever comes first.
 */

enum {
	ENGINE_SHARDS = 64,
	ENGINE_KEY_MAX = 512,     /* bytes of a key or pattern; NUL is refused by the model */
	ENGINE_PATTERN_STARS = 4, /* wildcards in one pattern */
	ENGINE_MATCH_MAX = 64,    /* limits that may cover one key */
	ENGINE_ID_SIZE = 32,      /* limit id with its NUL */
	ENGINE_SLAB_BYTES = 16384,
	ENGINE_AHEAD_MAX = 16,
};

/* Expected outcomes, positive; see the calls that return them. */
enum {
	ENGINE_E_KEYS_MAX = 1,  /* the tenant has as many live keys as it may */
	ENGINE_E_MATCH_MAX = 2, /* more than ENGINE_MATCH_MAX limits cover the key */
	ENGINE_E_NOT_FOUND = 3, /* no such limit */
	ENGINE_E_PATTERN = 4,   /* more than ENGINE_PATTERN_STARS wildcards, or a stray backslash */
	ENGINE_E_KEY = 5,       /* empty key, or longer than ENGINE_KEY_MAX */
};

enum engine_mode {
	ENGINE_ENFORCE = 0,
	ENGINE_SHADOW = 1, /* counts and reports, never denies */
	ENGINE_OFF = 2,    /* neither counts nor denies; what was consumed is kept */
};

/* Where slabs of words come from: bytes is always ENGINE_SLAB_BYTES, zeroed, 64-byte aligned. */
struct engine_slab_ops {
	void *(*map)(void *context, size_t bytes); /* NULL: no memory (-ENOMEM for the caller) */
	void (*unmap)(void *context, void *slab, size_t bytes);
	void *context;
};

struct engine_config {
	uint8_t seed[16];  /* of the key hash; random, so that keys cannot be aimed */
	uint64_t keys_max; /* live keys one tenant may have, unless set per tenant */
	const struct engine_slab_ops *slabs; /* NULL: anonymous memory */
};

/* One limit as the engine needs it. Borrowed during the call only. */
struct engine_limit {
	const char *id; /* shorter than ENGINE_ID_SIZE, unique */
	uint32_t tenant;
	enum engine_mode mode;
	const char *pattern; /* key or pattern as the user wrote it: `*`, `\*`, `\\` */
	size_t pattern_len;
	struct sluice_params params;
};

/* One change of the set of limits. */
struct engine_change {
	enum { ENGINE_PUT, ENGINE_DELETE, ENGINE_RESET } op;
	struct engine_limit limit; /* DELETE, RESET (all keys start anew): only id is read */
};

struct engine_request {
	uint32_t tenant;
	bool peek; /* consume nothing, count nothing */
	const char *key;
	size_t key_len;
	int64_t cost; /* negative: refund */
	uint64_t now_ns;
};

/* What one limit says about the request. */
struct engine_hit {
	char id[ENGINE_ID_SIZE];
	uint64_t limit;
	uint64_t burst;
	uint64_t interval_ns;
	struct sluice_figures figures; /* after the request; of the request's cost when refused */
	uint8_t mode;                  /* ENGINE_ENFORCE or ENGINE_SHADOW */
	bool refused;
};

struct engine_verdict {
	bool allowed;   /* every enforcing limit admits; true when none covers the key */
	uint32_t count; /* of hits, in order of limit creation */
	struct engine_hit hits[ENGINE_MATCH_MAX];
};

struct engine_limit_stats {
	/* Checks with a positive cost, peeks not counted. */
	uint64_t allowed; /* requests this limit admitted (and that every other one admitted) */
	uint64_t denied;  /* requests this limit refused; in shadow: would have refused */
};

struct engine_usage {
	uint64_t keys;  /* live keys */
	uint64_t cells; /* of the index: what one pass of the sweep visits */
	uint64_t words; /* buckets they hold */
	uint64_t bytes; /* all memory held for keys: index, nodes, words */
	uint64_t limits;
};

struct engine;

/* Returns 0 or -ENOMEM. */
int engine_new(const struct engine_config *config, struct engine **ret);
/* No other thread may be inside the engine. NULL is fine. */
void engine_free(struct engine *engine);

/*
 * Applies n changes as one: no check sees some of them only. A PUT of a known id replaces it and
 * keeps what its keys consumed, as of now_ns; with another tenant it starts anew. A key that a new
 * pattern no longer covers forgets when it is carried over, that is at its next check or sweep. Returns 0; ENGINE_E_PATTERN, ENGINE_E_KEY, ENGINE_E_NOT_FOUND
 * (RESET or DELETE of an unknown id) or -ENOMEM and then changes nothing.
 */
int engine_apply(struct engine *engine, const struct engine_change *changes, size_t n,
		 uint64_t now_ns);

/*
 * All or nothing: when every enforcing limit that covers the key admits the cost, all are charged,
 * otherwise none is. A shadow limit is charged when the request passes and it admits too.
 * Returns 0 with *ret filled (refused is no error), ENGINE_E_KEYS_MAX (a new key would need state
 * that the tenant may not have, also for a peek: nothing was consumed; where only shadow limits cover
 * the key it passes, uncharged), ENGINE_E_MATCH_MAX, ENGINE_E_KEY, -ENOMEM.
 */
int engine_check(struct engine *engine, const struct engine_request *request,
		 struct engine_verdict *ret);

struct engine_key {
	const char *text;
	size_t len;
};

/*
 * For checks in a row: fetches what those of the next n keys will read, so that they wait for memory
 * together and not one after the other. Changes nothing; n is at most ENGINE_AHEAD_MAX.
 */
void engine_look_ahead(struct engine *engine, uint32_t tenant, const struct engine_key *keys,
		       size_t n);

/* Forgets what one key consumed of one limit. Returns 0 (also if it had none), ENGINE_E_NOT_FOUND. */
int engine_reset_key(struct engine *engine, const char *id, const char *key, size_t key_len,
		     uint64_t now_ns);

int engine_limit_stats(struct engine *engine, const char *id, struct engine_limit_stats *ret);

/* Live keys that every tenant may have from now on, also those to come; those they have stay. */
void engine_keys_max(struct engine *engine, uint64_t keys_max);
/* The same for one tenant. Returns 0 or -ENOMEM. */
int engine_tenant_keys_max(struct engine *engine, uint32_t tenant, uint64_t keys_max);

/*
 * Visits the next `cells` index cells, carries keys over to changed limits and frees those whose
 * buckets are all idle; returns how many it freed. Call it so often that a whole pass
 * (engine_usage().keys plus ENGINE_SHARDS * 16 cells at least) takes about 10 s.
 */
size_t engine_sweep(struct engine *engine, uint64_t now_ns, size_t cells);

void engine_usage(struct engine *engine, struct engine_usage *ret);

/* Grows with whatever an export would show: charges, refunds, resets, changes of limits. */
uint64_t engine_changes(struct engine *engine);

/*
 * What live keys consumed, as a stream of blocks of bytes for another engine; checks and changes
 * go on meanwhile. Each key is shown as of some moment after engine_export_new, so never with less
 * consumed than then but for what time gave back. A shard is held for some 100 keys at a time.
 * One export at a time.
 */
struct engine_export;
enum {
	ENGINE_STATE_VERSION = 1, /* of the blocks' form */
	ENGINE_BLOCK_MIN = 16384, /* least memory for one block */
};

/* Returns 0 or -ENOMEM. */
int engine_export_new(struct engine *engine, struct engine_export **ret);
/* Fills one block of up to `size` bytes; *ret_len is 0 when there is no more. 0 or -ENOMEM. */
int engine_export_step(struct engine_export *state, uint64_t now_ns, void *block, size_t size,
		       size_t *ret_len);
/* NULL is fine. */
void engine_export_free(struct engine_export *state);

/*
 * Takes the blocks of one export, in their order; apply the limits first. Words are matched by
 * limit id: those of unknown limits and of keys that no limit covers any more are dropped, those
 * of limits that changed are converted as of now. A key that has state keeps the more consumed
 * word of each limit. Keys beyond a tenant's bound are taken: they were in use.
 *
 * now_ns is the present on this engine's clock, then_ns the present on the clock of the export
 * (after another boot: a different number). If that is before a block was made, no time has passed
 * since. So no bucket becomes fuller than time allows, nor owes more than it did.
 */
struct engine_import;
#define ENGINE_E_STATE 6 /* no block of this version; what stood before the fault is taken */

struct engine_imported {
	uint64_t keys;
	uint64_t dropped; /* words */
};

/* Returns 0 or -ENOMEM. */
int engine_import_new(struct engine *engine, uint64_t now_ns, uint64_t then_ns,
		      struct engine_import **ret);
/* Any bytes are safe. 0, ENGINE_E_STATE or -ENOMEM. */
int engine_import_block(struct engine_import *state, const void *block, size_t len);
/* What was taken so far; words whose bucket is full again count nowhere. */
void engine_import_result(const struct engine_import *state, struct engine_imported *ret);
/* NULL is fine. */
void engine_import_free(struct engine_import *state);

/*
 * What a pattern matches. Literal text in a pattern is written with `\*` and `\\`.
 * Returns 0, ENGINE_E_PATTERN or ENGINE_E_KEY; *ret_exact says that it has no wildcard.
 */
int engine_pattern_check(const char *pattern, size_t len, bool *ret_exact);
