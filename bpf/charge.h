/* Charges one packet to the buckets of every rule it falls under: all, or none. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/hash.h>
#include <sluice/line.h>
#include <sluice/packet.h>
#include <sluice/tables.h>

#include "maps.h"
#include "match.h"

/*
 * First every bucket is looked at, under a lower bound of now: a flood over its limit ends there,
 * having read one cache line and no clock. Only then is the exact time read and each bucket
 * charged; should one refuse by then, the charges before it are given back, so a limit is never
 * exceeded, and a narrower one may refuse while another CPU is giving back.
 */

enum charge_result {
	CHARGE_ADMITTED = SLUICE_LINE_ADMITTED,
	CHARGE_REFUSED = SLUICE_LINE_REFUSED,
	CHARGE_BUSY = SLUICE_LINE_BUSY, /* refused for want of tries */
};

/* One bucket of the packet. */
struct charge_item {
	__u32 line;
	__u32 tag;
	__u8 rule; /* its bit */
	__u8 slot; /* of the line, once charged */
	__u16 spare;
};

/* What one packet is charged to. At most SLUICE_MATCH_MAX items fit a BPF stack. */
struct charge_plan {
	__u64 now_ns;
	__u32 bytes;
	__u32 count;
	__u32 result; /* enum charge_result, of the last charge */
	__u32 spare;
	struct charge_item item[SLUICE_MATCH_MAX];
};

/*
 * The number of the lowest bit of a vector that has one, by counting those below it. clang 14 dies
 * of __builtin_ctzll() for BPF; the barrier keeps it from seeing through this.
 */
static __always_inline __u32 charge_lowest_bit(__u64 bits)
{
	__u64 below = (bits & (0 - bits)) - 1;

	frame_barrier(below);
	below -= below >> 1 & 0x5555555555555555ULL;
	below = (below & 0x3333333333333333ULL) + (below >> 2 & 0x3333333333333333ULL);
	below = (below + (below >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	frame_barrier(below);
	return (__u32)(below * 0x0101010101010101ULL >> 56);
}

static __always_inline const struct sluice_rule *charge_rule(const struct sluice_tables *t,
							     const struct charge_item *item)
{
	return &t->rule[match_bound(item->rule, SLUICE_RULES_MAX)];
}

/* The masked address that the rule counts by. A packet without addresses counts as address 0. */
static __always_inline __u64 charge_hash(const struct sluice_tables *t,
					 const struct sluice_rule *rule,
					 const struct sluice_packet *p)
{
	__u64 words[2];

	__builtin_memcpy(words, rule->per == SLUICE_PER_SRC ? p->src : p->dst, sizeof(words));
	/* No IPv6 address of a sender begins with all ones. */
	if (p->family == 4)
		return sluice_hash(~0ULL, (__u32)words[0] & rule->mask4, t->seed);
	return sluice_hash(words[0] & rule->mask6[0], words[1] & rule->mask6[1], t->seed);
}

/* Where the packet's bucket under the lowest of `rules` lies. */
static __always_inline void charge_locate(const struct sluice_tables *t,
					  const struct sluice_packet *p, __u64 rules,
					  struct charge_item *ret)
{
	const struct sluice_rule *rule;
	__u64 hash;

	ret->rule = (__u8)charge_lowest_bit(rules);
	ret->slot = 0;
	rule = charge_rule(t, ret);
	ret->line = rule->line_first;
	ret->tag = 1;
	if (rule->per == SLUICE_PER_ALL)
		return;
	hash = charge_hash(t, rule, p);
	ret->line = (__u32)sluice_line_index(hash, rule->line_first, rule->line_count);
	ret->tag = sluice_line_tag(hash);
}

static __always_inline __u64 charge_cost(const struct sluice_rule *rule, __u32 bytes)
{
	return rule->unit == SLUICE_UNIT_BYTES ? bytes : 1;
}

/* 1 if the line refuses at ask->now_ns. */
global_function int charge_refuses(const struct sluice_line *line, const struct sluice_ask *ask,
				   const struct sluice_params *params)
{
	if (!line || !ask || !params)
		return 1;
	return sluice_line_refuses(line, ask, params);
}

/* One try, by itself: sixteen in a row are more than a verifier walks. */
global_function int charge_try(struct sluice_line *line, const struct sluice_ask *ask,
			       const struct sluice_params *params, struct sluice_slip *ret_slip)
{
	if (!line || !ask || !params || !ret_slip)
		return SLUICE_LINE_REFUSED;
	return sluice_line_try(line, ask, params, ret_slip);
}

/* Charges at ask->now_ns, which is exact: as sluice_line_charge(). */
static __always_inline int charge_line(struct sluice_line *line, const struct sluice_ask *ask,
				       const struct sluice_params *params,
				       struct sluice_slip *ret_slip)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_LINE_TRIES; i++) {
		int result = charge_try(line, ask, params, ret_slip);

		if (result != SLUICE_LINE_RETRY)
			return result;
	}
	return CHARGE_BUSY;
}

static __always_inline struct sluice_ask charge_ask(const struct charge_plan *plan, __u32 i,
						    const struct sluice_rule *rule)
{
	return (struct sluice_ask){
		.now_ns = plan->now_ns,
		.cost = charge_cost(rule, plan->bytes),
		.tag = plan->item[i].tag,
	};
}

/* Fills the plan with the buckets of the lowest bits of `rules`, at most SLUICE_MATCH_MAX. */
global_function int charge_plan(const struct sluice_tables *t, const struct sluice_packet *p,
				__u64 rules, struct charge_plan *ret)
{
	__u32 i;

	if (!t || !p || !ret)
		return -1;
	ret->bytes = p->wire_bytes;
#pragma GCC unroll 1
	for (i = 0; i < SLUICE_MATCH_MAX; i++) {
		if (!rules)
			break;
		charge_locate(t, p, rules, &ret->item[i]);
		rules &= rules - 1;
	}
	ret->count = i;
	return 0;
}

/* The first item that refuses at plan->now_ns, or plan->count. */
global_function __u32 charge_look(const struct sluice_tables *t, const struct charge_plan *plan)
{
	__u32 i;

	if (!t || !plan)
		return 0;
#pragma GCC unroll 1
	for (i = 0; i < SLUICE_MATCH_MAX; i++) {
		const struct sluice_rule *rule;
		struct sluice_line *line;
		struct sluice_ask ask;

		if (i >= plan->count)
			break;
		rule = charge_rule(t, &plan->item[i]);
		ask = charge_ask(plan, i, rule);
		line = map_line(plan->item[i].line);
		if (line && charge_refuses(line, &ask, &rule->params))
			break;
	}
	return i;
}

/* Charges item after item until one refuses: gives its number, or plan->count, and the reason. */
global_function __u32 charge_each(const struct sluice_tables *t, struct charge_plan *plan)
{
	__u32 i;

	if (!t || !plan)
		return 0;
	plan->result = CHARGE_ADMITTED;
#pragma GCC unroll 1
	for (i = 0; i < SLUICE_MATCH_MAX; i++) {
		const struct sluice_rule *rule;
		struct sluice_slip slip = {0};
		struct sluice_line *line;
		struct sluice_ask ask;

		if (i >= plan->count)
			break;
		rule = charge_rule(t, &plan->item[i]);
		ask = charge_ask(plan, i, rule);
		line = map_line(plan->item[i].line);
		if (!line)
			continue;
		plan->result = (__u32)charge_line(line, &ask, &rule->params, &slip);
		if (plan->result != CHARGE_ADMITTED)
			break;
		plan->item[i].slot = (__u8)slip.slot;
	}
	return i;
}

/* Gives the first n charges back. */
global_function int charge_undo(const struct sluice_tables *t, const struct charge_plan *plan,
				__u32 n)
{
	if (!t || !plan)
		return -1;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MATCH_MAX; i++) {
		const struct sluice_rule *rule;
		struct sluice_slip slip = {0};
		struct sluice_line *line;

		if (i >= n)
			break;
		rule = charge_rule(t, &plan->item[i]);
		slip.slot = plan->item[i].slot;
		line = map_line(plan->item[i].line);
		slip.ticks = sluice_bucket_ticks(charge_cost(rule, plan->bytes), &rule->params);
		if (line)
			sluice_line_refund(line, &slip);
	}
	return 0;
}
