/* Compiles the limits in force into the tables that packets are matched against. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/params.h>

#include "base/cleanup.h"
#include "datapath/slots_priv.h"
#include "datapath/tables_priv.h"

/* Enforcing limits in order of their bits, then shadows. */
struct order {
	const struct datapath_limit *limit[SLUICE_RULES_MAX];
	size_t n;
	size_t n_enforce;
};

uint64_t datapath_ticks(const struct datapath_limit *limit)
{
	uint64_t cost = limit->limit->unit == LIMIT_BYTES ? SLUICE_BYTES_COST_MIN : 1;

	return sluice_bucket_ticks(cost, &limit->params);
}

/* How many buckets somebody who chooses addresses can spread packets over: least first. */
static int spread_of(const struct datapath_limit *limit)
{
	switch (limit->limit->match->per) {
	case SLUICE_PER_ALL:
		return 0;
	case SLUICE_PER_DST:
		return 1;
	default:
		return 2;
	}
}

/* The id decides between equals, so that the order of the arguments does not. */
static int compare_limits(const void *a, const void *b)
{
	const struct datapath_limit *one = *(const struct datapath_limit *const *)a;
	const struct datapath_limit *other = *(const struct datapath_limit *const *)b;
	uint64_t ticks = datapath_ticks(one), other_ticks = datapath_ticks(other);

	if (one->limit->mode != other->limit->mode)
		return one->limit->mode == ENGINE_ENFORCE ? -1 : 1;
	if (spread_of(one) != spread_of(other))
		return spread_of(one) - spread_of(other);
	if (ticks != other_ticks)
		return ticks > other_ticks ? -1 : 1;
	return strcmp(one->limit->id, other->limit->id);
}

static void make_order(const struct datapath_limit *limits, size_t n, struct order *ret)
{
	*ret = (struct order){0};
	for (size_t i = 0; i < n; i++) {
		if (limits[i].limit->mode == ENGINE_OFF)
			continue;
		assert(ret->n < SLUICE_RULES_MAX);
		ret->limit[ret->n++] = &limits[i];
		ret->n_enforce += limits[i].limit->mode == ENGINE_ENFORCE;
	}
	qsort(ret->limit, ret->n, sizeof(ret->limit[0]), compare_limits);
}

static uint64_t low_bits(size_t n)
{
	return n < 64 ? (1ULL << n) - 1 : ~0ULL;
}

/* The first `length` bits of `bytes` bytes set, as they lie in memory. */
static void set_mask(void *mask, size_t bytes, unsigned int length)
{
	uint8_t *at = mask;

	for (size_t i = 0; i < bytes; i++, length -= length < 8 ? length : 8)
		at[i] = length < 8 ? (uint8_t)(0xff00U >> length) : 0xff;
}

static void fill_rule(const struct sluice_slot *slots, const struct datapath_limit *limit,
		      struct sluice_rule *ret)
{
	const struct packet_match *match = limit->limit->match;
	const struct sluice_slot *slot = slots_find(slots, limit->limit->id);

	assert(slot);
	ret->params = limit->params;
	ret->until_ns = limit->until_ns;
	ret->line_first = slot->line_first;
	ret->line_count = slot->line_count;
	ret->slot = (uint32_t)(slot - slots);
	ret->per = (uint8_t)match->per;
	ret->unit = limit->limit->unit == LIMIT_BYTES ? SLUICE_UNIT_BYTES : SLUICE_UNIT_PACKETS;
	if (match->per == SLUICE_PER_ALL)
		return;
	set_mask(&ret->mask4, sizeof(ret->mask4), match->per_length4);
	set_mask(ret->mask6, sizeof(ret->mask6), match->per_length6);
}

static bool lists_proto(const struct packet_match *match, uint8_t proto)
{
	if (match->n_dst_port > 0 && !packet_proto_has_ports(proto))
		return false;
	if (match->n_proto == 0)
		return true;
	return memchr(match->proto, proto, match->n_proto) != NULL;
}

static void fill_vectors(const struct tables_work *work, struct sluice_tables *ret)
{
	for (size_t i = 0; i < work->n; i++) {
		const struct packet_match *match = work->match[i];
		uint64_t bit = 1ULL << i;

		ret->family4 |= packet_match_takes(match, 4) ? bit : 0;
		ret->family6 |= packet_match_takes(match, 6) ? bit : 0;
		for (unsigned int proto = 0; proto < 256; proto++)
			ret->proto[proto] |= lists_proto(match, (uint8_t)proto) ? bit : 0;
	}
}

static void free_work(struct tables_work **work)
{
	free(*work);
}

int tables_build(const struct sluice_slot *slots, const uint64_t seed[4],
		 const struct datapath_limit *limits, size_t n, struct field_error *error,
		 struct sluice_tables *ret)
{
	_cleanup_(free_work) struct tables_work *work = calloc(1, sizeof(*work));
	struct order order;
	int r;

	if (!work)
		return -ENOMEM;
	make_order(limits, n, &order);
	work->n = order.n;
	for (size_t i = 0; i < order.n; i++) {
		work->match[i] = order.limit[i]->limit->match;
		fill_rule(slots, order.limit[i], &ret->rule[i]);
		ret->timed |= (uint64_t)(ret->rule[i].until_ns != 0) << i;
	}
	ret->rules = low_bits(order.n);
	ret->enforce = low_bits(order.n_enforce);
	memcpy(ret->seed, seed, sizeof(ret->seed));
	fill_vectors(work, ret);
	r = tables_address_fill(work, false, error, &ret->dst);
	if (r == 0)
		r = tables_address_fill(work, true, error, &ret->src);
	return r == 0 ? tables_port_fill(work, error, &ret->dst_port) : r;
}
