/* A plain, slow engine to compare the real one with: lists and brute force. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/engine.h"

/*
 * No hash, no slab, no generation: a change is carried out on every bucket at once, a key is
 * matched by backtracking, and every bucket remembers when it was written. Keys are numbers of the
 * caller's. Time must not go back.
 */
enum {
	PLAIN_LIMITS = 24,
	PLAIN_KEYS = 64,
};

struct plain_bucket {
	uint64_t word;
	uint64_t written_ns;
};

struct plain_limit {
	bool live;
	char id[ENGINE_ID_SIZE];
	char pattern[64];
	uint32_t tenant;
	enum engine_mode mode;
	uint64_t sequence;
	struct sluice_params params;
	struct engine_limit_stats stats;
	struct plain_bucket buckets[PLAIN_KEYS];
};

struct plain_engine {
	const char *const *keys;
	uint64_t sequence;
	struct plain_limit limits[PLAIN_LIMITS];
};

/* Whether a valid pattern matches the key, found by backtracking: for short ones. */
bool plain_covers(const char *pattern, size_t len, const char *key, size_t key_len);

struct plain_limit *plain_find(struct plain_engine *model, const char *id);
void plain_apply(struct plain_engine *model, const struct engine_change *change, uint64_t now_ns);
void plain_check(struct plain_engine *model, uint32_t tenant, unsigned key, int64_t cost, bool peek,
		 uint64_t now_ns, struct engine_verdict *ret);
void plain_reset_key(struct plain_engine *model, const char *id, unsigned key);
