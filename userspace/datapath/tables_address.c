/* Compiles the prefixes of one address into a trie for IPv4 and sorted bounds for IPv6. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "datapath/tables_priv.h"

/* One dimension: which address, under which name. */
struct address {
	struct tables_work *work;
	struct field_error *error;
	struct sluice_address_table *table;
	const char *field;
	bool source;
	uint32_t n_blocks;
	size_t at;                            /* the run that the trie's filling has reached */
	uint16_t class[TABLES_EDGES_MAX + 1]; /* of each run */
};

static size_t prefixes_of(const struct address *address, const struct packet_match *match,
			  const struct packet_prefix **ret)
{
	*ret = address->source ? match->src : match->dst;
	return address->source ? match->n_src : match->n_dst;
}

static int refuse(const struct address *address, const char *family, const char *what,
		  unsigned int most)
{
	field_error_set(address->error, address->field,
			"the %s prefixes of all packet limits together need more than %u %s; "
			"fewer or shorter prefixes need less",
			family, most, what);
	return DATAPATH_E_TOO_MANY;
}

/* The address in host order, in the lowest bits; `bits` of the family. */
static tables_value value_of(const struct packet_prefix *prefix, unsigned int bits)
{
	tables_value value = 0;

	for (unsigned int i = 0; i < bits / 8; i++)
		value = value << 8 | prefix->bytes[i];
	return value;
}

static void add_prefixes(struct address *address, int bit, unsigned int family)
{
	unsigned int bits = family == 4 ? 32 : 128;
	tables_value top = ~(tables_value)0 >> (128 - bits);
	const struct packet_prefix *prefix;
	size_t n = prefixes_of(address, address->work->match[bit], &prefix);

	for (size_t i = 0; i < n; i++) {
		tables_value first, rest;

		if (prefix[i].family != family)
			continue;
		first = value_of(&prefix[i], bits);
		rest = prefix[i].length < bits ? top >> prefix[i].length : 0;
		tables_edges_add(address->work, bit, first, first | rest, top);
	}
}

/* Runs of the family and their classes. */
static int make_runs(struct address *address, unsigned int family)
{
	struct tables_work *work = address->work;
	const struct packet_prefix *prefix;
	uint64_t base = 0;

	tables_edges_clear(work);
	for (size_t i = 0; i < work->n; i++) {
		if (!packet_match_takes(work->match[i], family))
			continue;
		if (prefixes_of(address, work->match[i], &prefix) == 0)
			base |= 1ULL << i;
		else
			add_prefixes(address, (int)i, family);
	}
	tables_runs_make(work, base);
	for (size_t i = 0; i < work->n_runs; i++) {
		int class = tables_class_of(work, work->run[i].rules);

		if (class < 0)
			return refuse(address, "IPv4 and IPv6", "different sets of limits",
				      SLUICE_CLASSES_MAX);
		address->class[i] = (uint16_t) class;
	}
	return 0;
}

/* The last address of the run that filling has reached. */
static uint64_t run_last(const struct address *address)
{
	const struct tables_work *work = address->work;

	if (address->at + 1 == work->n_runs)
		return UINT32_MAX;
	return (uint64_t)work->run[address->at + 1].first - 1;
}

/*
 * Fills n entries of 2^shift addresses each, the first beginning at `first`; recursion ends at
 * shift 0, since no run is shorter than an address.
 */
static int fill_trie(struct address *address, uint16_t *entry, size_t n, unsigned int shift,
		     uint64_t first)
{
	for (size_t i = 0; i < n; i++, first += 1ULL << shift) {
		while (run_last(address) < first)
			address->at++;
		if (run_last(address) >= first + (1ULL << shift) - 1) {
			entry[i] = address->class[address->at];
			continue;
		}
		if (address->n_blocks == SLUICE_BLOCKS_MAX)
			return refuse(address, "IPv4", "blocks of 256", SLUICE_BLOCKS_MAX);
		entry[i] = (uint16_t)(SLUICE_TRIE_BLOCK | address->n_blocks);
		if (fill_trie(address, address->table->block[address->n_blocks++], 256, shift - 8,
			      first))
			return DATAPATH_E_TOO_MANY;
	}
	return 0;
}

static int fill_bounds(struct address *address)
{
	const struct tables_work *work = address->work;
	struct sluice_address_table *table = address->table;

	if (work->n_runs > SLUICE_BOUNDS_MAX)
		return refuse(address, "IPv6", "bounds", SLUICE_BOUNDS_MAX);
	while (1U << table->steps < work->n_runs)
		table->steps++;
	for (size_t i = 0; i < 1U << table->steps; i++) {
		size_t run = i < work->n_runs ? i : work->n_runs - 1;

		table->bound[i].hi = (uint64_t)(work->run[run].first >> 64);
		table->bound[i].lo = (uint64_t)work->run[run].first;
		table->bound_class[i] = address->class[run];
	}
	return 0;
}

static bool is_asked(const struct address *address)
{
	const struct packet_prefix *prefix;

	for (size_t i = 0; i < address->work->n; i++)
		if (prefixes_of(address, address->work->match[i], &prefix) > 0)
			return true;
	return false;
}

int tables_address_fill(struct tables_work *work, bool source, struct field_error *error,
			struct sluice_address_table *ret)
{
	struct address address = {
		.work = work,
		.error = error,
		.table = ret,
		.field = source ? "match.src" : "match.dst",
		.source = source,
	};
	int r;

	if (!is_asked(&address))
		return 0;
	ret->used = 1;
	tables_classes_begin(work, ret->row);
	r = make_runs(&address, 4);
	if (r == 0)
		r = fill_trie(&address, ret->root, 65536, 16, 0);
	if (r == 0)
		r = make_runs(&address, 6);
	return r == 0 ? fill_bounds(&address) : r;
}
