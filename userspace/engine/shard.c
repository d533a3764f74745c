/* Finds, adds and removes the keys of one shard. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "engine/shard.h"

/* In units of 8 bytes. Most nodes hold a short key and one or two slots: fine steps there. */
static const uint16_t node_classes[] = {3,  4,  5,  6,  7,  8,  10, 12, 14, 16, 20,
					24, 28, 32, 40, 48, 56, 64, 80, 96, 112};
/* Powers of two, so that up to eight words share a cache line. */
static const uint16_t word_classes[] = {1, 2, 4, 8, 16, 32, 64};

_Static_assert(sizeof(struct node) + ENGINE_MATCH_MAX * sizeof(uint32_t) + ENGINE_KEY_MAX <=
		       112 * SLAB_UNIT,
	       "the largest node fits the largest class");
_Static_assert(sizeof(node_classes) / sizeof(node_classes[0]) <= SLAB_CLASSES_MAX, "classes fit");

void shard_init(struct shard *shard, const struct engine_slab_ops *nodes,
		const struct engine_slab_ops *words)
{
	slab_init(&shard->nodes, nodes, node_classes,
		  sizeof(node_classes) / sizeof(node_classes[0]));
	slab_init(&shard->words, words, word_classes,
		  sizeof(word_classes) / sizeof(word_classes[0]));
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

struct index_cell *shard_find(const struct shard *shard, const struct shard_key *key)
{
	const struct index *index = &shard->index;
	uint32_t hash = shard_cell_hash(key->hash), at;

	if (index->size == 0)
		return NULL;
	for (at = index_home(index, hash); index->cells[at].node; at = index_after(index, at)) {
		struct index_cell *cell = &index->cells[at];
		const struct node *node;

		if (cell->hash != hash)
			continue;
		node = shard_node(shard, cell);
		__builtin_prefetch(node);
		__builtin_prefetch(shard_words(shard, cell), 1);
		if (node->tenant == key->tenant && node->key_len == key->len &&
		    memcmp(node_key(node), key->text, key->len) == 0)
			return cell;
	}
	return NULL;
}

struct index_cell *shard_add(struct shard *shard, const struct shard_key *key, uint32_t n)
{
	struct index_cell *cell;
	struct node *node;
	uint32_t node_ref, words_ref;

	if (index_reserve(&shard->index))
		return NULL;
	node_ref = slab_alloc(&shard->nodes, node_bytes(n, key->len));
	if (node_ref == 0)
		return NULL;
	words_ref = slab_alloc(&shard->words, n * sizeof(uint64_t));
	if (words_ref == 0) {
		slab_free(&shard->nodes, node_ref);
		return NULL;
	}
	cell = index_add(&shard->index, shard_cell_hash(key->hash));
	cell->node = node_ref;
	cell->words = words_ref;
	node = shard_node(shard, cell);
	*node = (struct node){
		.tenant = key->tenant,
		.key_len = (uint16_t)key->len,
		.n = (uint8_t)n,
	};
	memcpy(&node->slots[n], key->text, key->len);
	memset(shard_words(shard, cell), 0, n * sizeof(uint64_t));
	shard->n_words += n;
	return cell;
}

void shard_remove(struct shard *shard, struct index_cell *cell)
{
	shard->n_words -= shard_node(shard, cell)->n;
	slab_free(&shard->nodes, cell->node);
	slab_free(&shard->words, cell->words);
	index_remove(&shard->index, cell);
}

/* The key moves along with the slots before it, inside the node or to a larger one. */
static void move_node(struct shard *shard, struct index_cell *cell, uint32_t ref, uint32_t n)
{
	struct node *from = shard_node(shard, cell), *to = slab_at(&shard->nodes, ref);
	const char *key = node_key(from);

	memmove(&to->slots[n], key, from->key_len);
	if (to != from) {
		*to = *from;
		slab_free(&shard->nodes, cell->node);
		cell->node = ref;
	}
	to->n = (uint8_t)n;
}

int shard_resize(struct shard *shard, struct index_cell *cell, uint32_t n)
{
	const struct node *node = shard_node(shard, cell);
	uint32_t was = node->n, node_ref = cell->node, words_ref = cell->words;
	size_t bytes = node_bytes(n, node->key_len);

	if (slab_slot_bytes(&shard->nodes, bytes) !=
	    slab_slot_bytes(&shard->nodes, node_bytes(was, node->key_len)))
		node_ref = slab_alloc(&shard->nodes, bytes);
	if (node_ref == 0)
		return -ENOMEM;
	if (slab_slot_bytes(&shard->words, n * sizeof(uint64_t)) !=
	    slab_slot_bytes(&shard->words, was * sizeof(uint64_t)))
		words_ref = slab_alloc(&shard->words, n * sizeof(uint64_t));
	if (words_ref == 0) {
		if (node_ref != cell->node)
			slab_free(&shard->nodes, node_ref);
		return -ENOMEM;
	}
	if (words_ref != cell->words) {
		slab_free(&shard->words, cell->words);
		cell->words = words_ref;
	}
	move_node(shard, cell, node_ref, n);
	shard->n_words = shard->n_words + n - was;
	return 0;
}

uint64_t shard_bytes(const struct shard *shard)
{
	return shard->index.size * sizeof(struct index_cell) + shard->nodes.bytes +
	       shard->words.bytes;
}
