/* What becomes of one packet: parsed, matched, charged, counted, and passed or dropped. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include "charge.h"
#include "match.h"
#include "parse.h"

/*
 * One set of tables is looked up for the whole packet, so that it is judged by the rules before a
 * change or those after it. Enforcing rules come first and decide; shadows are charged and
 * counted for packets that pass.
 */
enum verdict {
	VERDICT_PASS = 0,
	VERDICT_DROP = 1,
};

static __always_inline void verdict_note(__u64 *counter)
{
	(*counter)++;
}

/* What is odd about the packet is counted whatever becomes of it. */
static __always_inline void verdict_note_flags(struct sluice_reasons *r, __u32 flags)
{
	if (!(flags & (SLUICE_PACKET_TRUNCATED | SLUICE_PACKET_TOO_DEEP | SLUICE_PACKET_LATER)))
		return;
	if (flags & SLUICE_PACKET_TRUNCATED)
		verdict_note(&r->truncated);
	if (flags & SLUICE_PACKET_TOO_DEEP)
		verdict_note(&r->too_deep);
	if (flags & SLUICE_PACKET_LATER)
		verdict_note(&r->fragments);
}

/* Global: in a loop, kernel 6.1 would walk both outcomes of every lookup. */
global_function int verdict_count_slot(__u32 slot, __u32 bytes, int denied)
{
	struct sluice_counts *c = map_counts(slot);

	if (!c)
		return -1;
	if (denied) {
		c->denied_packets++;
		c->denied_bytes += bytes;
	} else {
		c->allowed_packets++;
		c->allowed_bytes += bytes;
	}
	return 0;
}

static __always_inline void verdict_count(const struct sluice_rule *rule, __u32 bytes, int denied)
{
	verdict_count_slot(rule->slot, bytes, denied);
}

/* Packets that no limit is about. */
static __always_inline int verdict_is_exempt(const struct sluice_packet *p,
					     struct sluice_reasons *r)
{
	if (p->flags & (SLUICE_PACKET_ARP | SLUICE_PACKET_ND)) {
		verdict_note(&r->exempt);
		return 1;
	}
	if (p->family || p->flags & (SLUICE_PACKET_TRUNCATED | SLUICE_PACKET_TOO_DEEP))
		return 0;
	verdict_note(&r->not_ip);
	return 1;
}

static __always_inline int verdict_refuse(const struct sluice_tables *t,
					  const struct charge_plan *plan, __u32 i,
					  struct sluice_reasons *r)
{
	verdict_note(&r->refused);
	i = match_bound(i, SLUICE_MATCH_MAX);
	verdict_count(charge_rule(t, &plan->item[i]), plan->bytes, 1);
	return VERDICT_DROP;
}

global_function int verdict_count_all(const struct sluice_tables *t, const struct charge_plan *plan)
{
	if (!t || !plan)
		return -1;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MATCH_MAX; i++) {
		if (i >= plan->count)
			break;
		verdict_count(charge_rule(t, &plan->item[i]), plan->bytes, 0);
	}
	return 0;
}

/* All or nothing over the plan; reads the exact time, unless it refuses before. */
static __always_inline int verdict_enforce(const struct sluice_tables *t, struct charge_plan *plan,
					   struct clock_cache *clock, struct sluice_reasons *r)
{
	int exact;
	__u32 i;

	plan->now_ns = clock_bound_ns(clock, &exact);
	i = charge_look(t, plan);
	if (i < plan->count)
		return verdict_refuse(t, plan, i, r);
	if (!exact)
		plan->now_ns = clock_now_ns(clock);
	i = charge_each(t, plan);
	if (i >= plan->count) {
		verdict_count_all(t, plan);
		return VERDICT_PASS;
	}
	charge_undo(t, plan, i);
	if (plan->result == CHARGE_BUSY)
		verdict_note(&r->busy);
	return verdict_refuse(t, plan, i, r);
}

/* Each shadow for itself. Not in a function of its own: the stack is too short. */
static __always_inline void verdict_shadow(const struct sluice_tables *t,
					   const struct sluice_packet *p, __u64 rules,
					   struct charge_plan *plan)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MATCH_MAX; i++) {
		__u64 rule = rules & (0 - rules);

		if (!rule)
			break;
		rules ^= rule;
		charge_plan(t, p, rule, plan);
		verdict_count(charge_rule(t, &plan->item[0]), plan->bytes,
			      charge_each(t, plan) == 0);
	}
}

/* Those of the rules that are beyond what one packet is charged to. */
static __always_inline __u64 verdict_beyond(__u64 rules)
{
	/* Nearly every packet falls under one: sixteen steps that wait for each other are not free. */
	if (!(rules & (rules - 1)))
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MATCH_MAX; i++)
		rules &= rules - 1;
	return rules;
}

/* Without the rules whose time has passed. */
static __always_inline __u64 verdict_holding(const struct sluice_tables *t, __u64 rules)
{
	struct clock_cache *clock = map_clock();
	int exact;

	return clock ? match_holding(t, rules, clock_bound_ns(clock, &exact)) : rules;
}

/* The rules to charge the packet to: none if it is exempt, or nothing is said about it. */
global_function __u64 verdict_rules(const struct sluice_tables *t, const struct sluice_packet *p)
{
	struct sluice_reasons *r = map_reasons();
	__u64 rules, beyond;

	if (!t || !p || !r || verdict_is_exempt(p, r))
		return 0;
	verdict_note_flags(r, p->flags);
	rules = match_packet(t, p);
	if (rules & t->timed)
		rules = verdict_holding(t, rules);
	if (!rules)
		verdict_note(&r->passed);
	beyond = verdict_beyond(rules);
	if (beyond)
		verdict_note(&r->crowded);
	return rules ^ beyond;
}

static __always_inline int verdict_of(const struct sluice_tables *t, const struct sluice_packet *p)
{
	__u64 rules = verdict_rules(t, p), shadows = rules & ~t->enforce;
	struct sluice_reasons *r = map_reasons();
	struct clock_cache *clock = map_clock();
	struct charge_plan plan;

	if (!rules || !r || !clock)
		return VERDICT_PASS;
	rules ^= shadows;
	if (rules) {
		charge_plan(t, p, rules, &plan);
		if (verdict_enforce(t, &plan, clock, r) == VERDICT_DROP)
			return VERDICT_DROP;
	}
	if (shadows) {
		plan.now_ns = clock_now_ns(clock);
		verdict_shadow(t, p, shadows, &plan);
	}
	verdict_note(&r->admitted);
	return VERDICT_PASS;
}
