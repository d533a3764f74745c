/* One shard: the keys whose hash ends alike, their words, and the lock over both. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/index.h"
#include "engine/lock.h"
#include "engine/rules.h"
#include "engine/slab.h"

/*
 * A key and the limits that cover it, as of one generation. The tenant is that of its rules: a
 * rule never changes its own. With one limit and a key of 16 bytes it takes half a cache line.
 */
struct node {
	uint32_t generation;
	uint32_t touched; /* second in which the words were last looked over and written */
	uint16_t key_len;
	uint8_t n;        /* words, at least 1 */
	bool overflow;    /* more than ENGINE_MATCH_MAX limits cover the key; these are the first */
	uint32_t slots[]; /* of the rules, in order of creation; then the key */
};

/* What a check reads stands first, in one cache line: lock, index, the nodes' places. */
struct shard {
	struct lock lock;
	struct index index;
	uint64_t changes;  /* of what keys consumed: grows */
	struct slab nodes; /* with each node's words beside it */
	struct slab words;
	uint64_t n_words;
} __attribute__((aligned(64)));

/* What is looked up. */
struct shard_key {
	uint32_t tenant;
	const char *text;
	size_t len;
	uint64_t hash; /* key_hash of (tenant, text) */
};

void shard_init(struct shard *shard, const struct engine_slab_ops *nodes,
		const struct engine_slab_ops *words);
void shard_done(struct shard *shard);

/* The key's cell, or NULL. */
struct index_cell *shard_find(const struct shard *shard, const struct rules *rules,
			      const struct shard_key *key);

/*
 * A new cell with a node of n words, all 0; its slots and generation are the caller's to fill.
 * NULL: no memory, and nothing changed.
 */
struct index_cell *shard_add(struct shard *shard, const struct shard_key *key, uint32_t n);
void shard_remove(struct shard *shard, struct index_cell *cell);

/*
 * Gives the cell's node room for n slots and words; their content is undefined. The words move
 * only with the node, and that only if its size class changes. 0, or -ENOMEM and nothing changed.
 */
int shard_resize(struct shard *shard, struct index_cell *cell, uint32_t n);

/* Bytes of index, nodes and words. */
uint64_t shard_bytes(const struct shard *shard);

static inline uint32_t shard_cell_hash(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static inline struct node *shard_node(const struct shard *shard, const struct index_cell *cell)
{
	return slab_at(&shard->nodes, index_ref(cell));
}

static inline uint64_t *shard_words(const struct shard *shard, const struct index_cell *cell)
{
	return slab_beside(&shard->nodes, index_ref(cell));
}

static inline const char *node_key(const struct node *node)
{
	return (const char *)&node->slots[node->n];
}

static inline uint32_t node_tenant(const struct node *node, const struct rules *rules)
{
	return rules_at(rules, node->slots[0])->tenant;
}
