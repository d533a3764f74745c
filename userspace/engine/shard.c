/* Finds, adds and removes the keys of one shard. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "engine/shard.h"

/* Most nodes hold a short key and one or two slots: fine steps there. */
static const uint16_t node_sizes[] = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
				      192, 224, 256, 320, 384, 448, 512, 640, 768, 896};
/* The words of one page of nodes: a power of two, so that up to eight share a cache line. */
static const uint16_t words_sizes[] = {256, 512, 1024, 2048, 4096, 8192, 16384};

_Static_assert(sizeof(struct node) + ENGINE_MATCH_MAX * sizeof(uint32_t) + ENGINE_KEY_MAX <= 896,
	       "the largest node fits the largest class");

void shard_init(struct shard *shard, const struct engine_slab_ops *nodes,
		const struct engine_slab_ops *words)
{
	index_init(&shard->index, nodes);
	slab_init(&shard->nodes, nodes, node_sizes, sizeof(node_sizes) / sizeof(node_sizes[0]),
		  &shard->words);
	slab_init(&shard->words, words, words_sizes, sizeof(words_sizes) / sizeof(words_sizes[0]),
		  NULL);
}

void shard_done(struct shard *shard)
{
	slab_done(&shard->nodes);
	slab_done(&shard->words);
	index_done(&shard->index);
}

static size_t node_bytes(uint32_t n, size_t key_len)
{
	return sizeof(struct node) + n * sizeof(uint32_t) + key_len;
}

struct index_cell *shard_find(const struct shard *shard, const struct rules *rules,
			      const struct shard_key *key)
{
	const struct index *index = &shard->index;
	uint32_t hash = shard_cell_hash(key->hash), at;

	if (index->size == 0)
		return NULL;
	for (at = index_home(index, hash); index->cells[at].bits; at = index_after(index, at)) {
		struct index_cell *cell = &index->cells[at];
		const struct node *node;

		if (!index_may_be(cell, hash))
			continue;
		node = shard_node(shard, cell);
		__builtin_prefetch(node);
		__builtin_prefetch(shard_words(shard, cell), 1);
		if (node->key_len == key->len && memcmp(node_key(node), key->text, key->len) == 0 &&
		    node_tenant(node, rules) == key->tenant)
			return cell;
	}
	return NULL;
}

struct index_cell *shard_add(struct shard *shard, const struct shard_key *key, uint32_t n)
{
	struct index_cell *cell;
	struct node *node;
	uint32_t ref;

	if (index_reserve(&shard->index))
		return NULL;
	ref = slab_alloc(&shard->nodes, node_bytes(n, key->len), n * sizeof(uint64_t));
	if (ref == 0)
		return NULL;
	cell = index_add(&shard->index, shard_cell_hash(key->hash), ref);
	node = shard_node(shard, cell);
	*node = (struct node){.key_len = (uint16_t)key->len, .n = (uint8_t)n};
	memcpy(&node->slots[n], key->text, key->len);
	memset(shard_words(shard, cell), 0, n * sizeof(uint64_t));
	shard->n_words += n;
	return cell;
}

void shard_remove(struct shard *shard, struct index_cell *cell)
{
	shard->n_words -= shard_node(shard, cell)->n;
	slab_free(&shard->nodes, index_ref(cell));
	index_remove(&shard->index, cell);
}

int shard_resize(struct shard *shard, struct index_cell *cell, uint32_t n)
{
	struct node *node = shard_node(shard, cell), *to = node;
	size_t bytes = node_bytes(n, node->key_len), beside = n * sizeof(uint64_t);
	uint32_t ref = index_ref(cell), was = node->n;

	if (!slab_same_class(&shard->nodes, bytes, beside, ref)) {
		ref = slab_alloc(&shard->nodes, bytes, beside);
		if (ref == 0)
			return -ENOMEM;
		to = slab_at(&shard->nodes, ref);
	}
	/* The key stands behind the slots. */
	memmove(&to->slots[n], node_key(node), node->key_len);
	if (to != node) {
		*to = *node;
		slab_free(&shard->nodes, index_ref(cell));
		index_set_ref(cell, ref);
	}
	to->n = (uint8_t)n;
	shard->n_words = shard->n_words + n - was;
	return 0;
}

uint64_t shard_bytes(const struct shard *shard)
{
	return index_bytes(&shard->index) + shard->nodes.bytes + shard->words.bytes;
}
