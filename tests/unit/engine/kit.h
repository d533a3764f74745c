/* Shortcuts for the engine's tests: engines, limits and checks in one line each. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#define SECOND_NS 1000000000ULL
#define START_NS  (1000 * SECOND_NS)

struct engine *kit_engine(uint64_t keys_max);

struct sluice_params kit_params(uint32_t algorithm, uint64_t limit, uint64_t interval_ns);

struct engine_change kit_put(const char *id, const char *pattern, uint32_t algorithm,
			     uint64_t limit, uint64_t interval_ns);

/* Token bucket per second unless told otherwise; asserts that it worked. */
void kit_limit(struct engine *engine, const char *id, const char *pattern, uint64_t limit);
void kit_apply(struct engine *engine, const struct engine_change *change, uint64_t now_ns);
void kit_delete(struct engine *engine, const char *id, uint64_t now_ns);

/* The result of engine_check for tenant 0. */
int kit_check(struct engine *engine, const char *key, int64_t cost, uint64_t now_ns,
	      struct engine_verdict *ret);
/* Whether it is allowed; asserts that there was no error. */
bool kit_allowed(struct engine *engine, const char *key, int64_t cost, uint64_t now_ns);
/* Tokens left of the n-th limit that covers the key, by a peek. */
uint64_t kit_remaining(struct engine *engine, const char *key, uint32_t n, uint64_t now_ns);

/* A complete pass of the sweep; returns how many keys it freed. */
size_t kit_sweep(struct engine *engine, uint64_t now_ns);

struct engine_usage kit_usage(struct engine *engine);

/* What an engine exported. */
struct kit_block {
	struct kit_block *next;
	size_t len;
	unsigned char bytes[];
};
struct kit_state {
	struct kit_block *first;
	size_t n;
};

struct kit_state *kit_export(struct engine *engine, uint64_t now_ns);
/* The result of the first block that fails; *ret is set in any case. */
int kit_import(struct engine *engine, const struct kit_state *state, uint64_t now_ns,
	       uint64_t then_ns, struct engine_imported *ret);
void kit_state_free(struct kit_state *state);
