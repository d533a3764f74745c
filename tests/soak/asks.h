/* The keys that a load asks for, the limits over them, and a request's text. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "soak/account.h"

enum ask_kind {
	/* Each worker has keys of its own of these kinds, and an account of every one of them. */
	ASK_BUCKET, /* under a token bucket */
	ASK_BENT,   /* under one whose numbers somebody changes all the time, between two sets */
	ASK_PAIR,   /* under a token bucket and a fixed window: all or nothing */
	ASK_ACCOUNTS,
	ASK_SHARED = ASK_ACCOUNTS, /* one key, by all workers at once */
	ASK_CROWD,                 /* many keys, of which nobody keeps account */
	ASK_KINDS,
};

enum {
	ASK_KEYS = 24, /* of one worker and kind */
	ASK_BATCH_MAX = 200,
	ASK_KEY_SIZE = 32,
	ASK_JSON_MAX = 80,
	ASK_TEXT_MAX = 1024 + ASK_BATCH_MAX * ASK_JSON_MAX,
};

struct ask {
	enum ask_kind kind;
	uint32_t number; /* of the key among the worker's, or in the crowd */
	uint64_t cost;
	char key[ASK_KEY_SIZE];
};

/* By kind, up to ASK_SHARED. */
extern const struct account_limit ask_limits[ASK_SHARED + 1];

/* Bodies for POST /api/limits that put these in force: a JSON array. */
extern const char ask_limits_json[];

/* Draws n of them for a worker. */
void ask_draw(uint64_t *random, unsigned int worker, struct ask *asks, uint32_t n);
/* A GET for one, a POST for many; returns its length. */
size_t ask_write(const struct ask *asks, uint32_t n, const char *token, char text[ASK_TEXT_MAX]);

static inline uint64_t ask_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
