/* Counts the most rules that one packet can match, without trying every packet. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "datapath/datapath_priv.h"

/*
 * A packet is one vector of each dimension: dst, src, and protocol with port. Of the product of
 * all only those can win that exceed the best found so far, so vectors are tried from the largest
 * down, each further dimension is first cut to the rules still possible, and what is then a subset
 * of another falls out. Sets of limits that people write take microseconds; for those that do not
 * yield to this, a budget of steps ends the search with a bound.
 */

enum {
	BUDGET = 10 * 1000 * 1000, /* comparisons, some 5 ns each */
	SUBSET_TRIES = 64,         /* larger vectors that one is compared with */
	PORTED_MAX = 5,            /* protocols that have ports */
	VECTORS_MAX = PORTED_MAX * SLUICE_CLASSES_MAX + 256,
};

struct vectors {
	size_t n;
	uint64_t v[VECTORS_MAX];
};

struct overlap {
	const struct sluice_tables *tables;
	unsigned int best;
	int64_t budget;
	uint8_t seen[SLUICE_CLASSES_MAX];
	struct vectors raw;
	struct vectors dst, src, rest;
	struct vectors cut_src, cut_rest; /* to one vector of dst */
};

static unsigned int count_of(uint64_t vector)
{
	return (unsigned int)__builtin_popcountll(vector);
}

/* Larger counts first. Stable counting sort of those above `best`, cut to `mask`. */
static void sort_vectors(const struct vectors *from, uint64_t mask, unsigned int best,
			 struct vectors *ret)
{
	size_t start[66] = {0};

	for (size_t i = 0; i < from->n; i++)
		start[64 - count_of(from->v[i] & mask) + 1]++;
	for (size_t i = 1; i < 66; i++)
		start[i] += start[i - 1];
	ret->n = best < 64 ? start[64 - best] : 0;
	for (size_t i = 0; i < from->n; i++) {
		unsigned int count = count_of(from->v[i] & mask);

		if (count > best)
			ret->v[start[64 - count]++] = from->v[i] & mask;
	}
}

static bool is_covered(const struct vectors *by, size_t n, uint64_t vector)
{
	/* The latest first: an equal one is nearest. */
	for (size_t i = 0; i < n && i < SUBSET_TRIES; i++)
		if ((vector & ~by->v[n - 1 - i]) == 0 || (vector & ~by->v[i]) == 0)
			return true;
	return false;
}

static void reduce(struct overlap *o, const struct vectors *from, uint64_t mask,
		   struct vectors *ret)
{
	size_t n = 0;

	sort_vectors(from, mask, o->best, ret);
	for (size_t i = 0; i < ret->n; i++) {
		o->budget -= n < SUBSET_TRIES ? (int64_t)n : SUBSET_TRIES;
		if (!is_covered(ret, n, ret->v[i]))
			ret->v[n++] = ret->v[i];
	}
	o->budget -= (int64_t)from->n;
	ret->n = n;
}

/* src and the rest are cut to one dst. */
static void try_pairs(struct overlap *o)
{
	for (size_t i = 0; i < o->cut_src.n && o->budget > 0; i++) {
		uint64_t pair = o->cut_src.v[i];

		if (count_of(pair) <= o->best)
			return;
		for (size_t j = 0; j < o->cut_rest.n; j++, o->budget--) {
			unsigned int count = count_of(pair & o->cut_rest.v[j]);

			if (count_of(o->cut_rest.v[j]) <= o->best)
				break;
			if (count > o->best)
				o->best = count;
		}
	}
}

static void try_family(struct overlap *o)
{
	for (size_t i = 0; i < o->dst.n; i++) {
		unsigned int most = count_of(o->dst.v[i]);

		if (most <= o->best)
			return;
		reduce(o, &o->src, o->dst.v[i], &o->cut_src);
		reduce(o, &o->rest, o->dst.v[i], &o->cut_rest);
		if (o->cut_src.n > 0 && o->cut_rest.n > 0)
			try_pairs(o);
		if (o->budget <= 0) {
			o->best = most;
			return;
		}
	}
}

static void add_class(struct overlap *o, const __u64 *row, uint16_t class)
{
	if (o->seen[class])
		return;
	o->seen[class] = 1;
	assert(o->raw.n < VECTORS_MAX);
	o->raw.v[o->raw.n++] = row[class];
}

static void add_block(struct overlap *o, const struct sluice_address_table *table, size_t block)
{
	for (size_t i = 0; i < 256; i++) {
		uint16_t entry = table->block[block][i];

		if (entry & SLUICE_TRIE_BLOCK)
			add_block(o, table, entry & ~SLUICE_TRIE_BLOCK);
		else
			add_class(o, table->row, entry);
	}
}

static void begin_raw(struct overlap *o)
{
	memset(o->seen, 0, sizeof(o->seen));
	o->raw.n = 0;
}

/* The vectors that addresses of one family lead to. */
static void collect_addresses(struct overlap *o, const struct sluice_address_table *table,
			      unsigned int family, struct vectors *ret)
{
	uint64_t mask = family == 4 ? o->tables->family4 : o->tables->family6;

	begin_raw(o);
	if (!table->used) {
		o->raw.v[o->raw.n++] = ~0ULL;
	} else if (family == 6) {
		for (size_t i = 0; i < 1U << table->steps; i++)
			add_class(o, table->row, table->bound_class[i]);
	} else {
		for (size_t i = 0; i < 65536; i++) {
			if (table->root[i] & SLUICE_TRIE_BLOCK)
				add_block(o, table, table->root[i] & ~SLUICE_TRIE_BLOCK);
			else
				add_class(o, table->row, table->root[i]);
		}
	}
	reduce(o, &o->raw, mask & o->tables->rules, ret);
}

/* Protocols without ports match no rule that asks for one, and so need no vector of ports. */
static void collect_rest(struct overlap *o)
{
	const struct sluice_tables *tables = o->tables;
	struct vectors *ports = &o->cut_rest; /* not in use yet */

	begin_raw(o);
	if (tables->dst_port.used)
		for (size_t i = 0; i < 65536; i++)
			add_class(o, tables->dst_port.row, tables->dst_port.class[i]);
	else
		o->raw.v[o->raw.n++] = ~0ULL;
	reduce(o, &o->raw, tables->rules, ports);
	o->raw.n = 0;
	for (unsigned int i = 0; i < 256; i++) {
		if (!packet_proto_has_ports((uint8_t)i)) {
			o->raw.v[o->raw.n++] = tables->proto[i];
			continue;
		}
		assert(o->raw.n + ports->n <= VECTORS_MAX);
		for (size_t j = 0; j < ports->n; j++)
			o->raw.v[o->raw.n++] = tables->proto[i] & ports->v[j];
	}
	reduce(o, &o->raw, tables->rules, &o->rest);
}

static void free_overlap(struct overlap **o)
{
	free(*o);
}

int tables_overlap(const struct sluice_tables *tables, unsigned int floor)
{
	_cleanup_(free_overlap) struct overlap *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->tables = tables;
	o->best = floor;
	o->budget = BUDGET;
	collect_rest(o);
	for (unsigned int family = 4; family <= 6; family += 2) {
		collect_addresses(o, &tables->dst, family, &o->dst);
		collect_addresses(o, &tables->src, family, &o->src);
		try_family(o);
	}
	return (int)o->best;
}
