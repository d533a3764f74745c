/* Judges packets by loops over lists and remembered totals, while time stands still. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/judge.h"
#include "bpf/reference.h"
#include "model/limit.h"
#include "unit/datapath/plain_match.h"

/* The places of those limits that a packet is charged to. */
struct charged {
	uint8_t place[2 * SLUICE_RULES_MAX];
	size_t n;
};

static const struct datapath_limit *find_limit(const struct datapath_limit *limits, size_t n,
					       const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(limits[i].limit->id, id, SLUICE_SLOT_ID_SIZE) == 0)
			return &limits[i];
	fail_msg("no limit %s", id);
	return NULL;
}

void judge_begin(struct judge *judge, const struct datapath_limit *limits, size_t n,
		 const struct sluice_slot *slots, const struct sluice_tables *tables)
{
	judge->n = 0;
	memset(judge->buckets, 0, sizeof(judge->buckets));
	for (uint32_t bit = 0; bit < SLUICE_RULES_MAX && tables->rules >> bit & 1; bit++) {
		judge->slot[bit] = tables->rule[bit].slot;
		judge->limit[bit] = find_limit(limits, n, slots[judge->slot[bit]].id);
		judge->n++;
	}
}

/* The address that a limit counts by, its other bits zero. */
static void mask_address(const struct packet_match *match, const struct sluice_packet *p,
			 struct judge_bucket *ret)
{
	const uint8_t *address = (const uint8_t *)(match->per == SLUICE_PER_SRC ? p->src : p->dst);
	unsigned int length = p->family == 4 ? match->per_length4 : match->per_length6;

	ret->family = p->family == 4 ? 4 : 6;
	for (unsigned int bit = 0; bit < length; bit++)
		ret->address[bit / 8] |= address[bit / 8] & 0x80U >> bit % 8;
}

static uint32_t hash_bucket(const struct judge_bucket *bucket)
{
	uint32_t hash = bucket->limit * 31U + bucket->family;

	for (size_t i = 0; i < sizeof(bucket->address); i++)
		hash = (hash ^ bucket->address[i]) * 16777619U;
	return hash ^ hash >> 15;
}

static struct judge_bucket *find_bucket(struct judge *judge, size_t place,
					const struct sluice_packet *p)
{
	const struct packet_match *match = judge->limit[place]->limit->match;
	struct judge_bucket wanted = {.limit = (uint8_t)(place + 1)};
	uint32_t at;

	if (match->per != SLUICE_PER_ALL)
		mask_address(match, p, &wanted);
	for (at = hash_bucket(&wanted);; at++) {
		struct judge_bucket *bucket = &judge->buckets[at % JUDGE_BUCKETS];

		if (!bucket->limit)
			*bucket = wanted;
		if (bucket->limit == wanted.limit && bucket->family == wanted.family &&
		    !memcmp(bucket->address, wanted.address, sizeof(wanted.address)))
			return bucket;
	}
}

static uint64_t cost_of(const struct limit *limit, const struct sluice_packet *p)
{
	return limit->unit == LIMIT_BYTES ? p->wire_bytes : 1;
}

static bool has_room(struct judge *judge, size_t place, const struct sluice_packet *p)
{
	const struct datapath_limit *limit = judge->limit[place];

	return find_bucket(judge, place, p)->used + cost_of(limit->limit, p) <= limit->params.burst;
}

static void count(struct judge *judge, size_t place, const struct sluice_packet *p, bool allowed)
{
	struct sluice_counts *counts = &judge->counts[judge->slot[place]];

	if (allowed) {
		find_bucket(judge, place, p)->used += cost_of(judge->limit[place]->limit, p);
		counts->allowed_packets++;
		counts->allowed_bytes += p->wire_bytes;
	} else {
		counts->denied_packets++;
		counts->denied_bytes += p->wire_bytes;
	}
}

static bool is_shadow(const struct judge *judge, size_t place)
{
	return judge->limit[place]->limit->mode == ENGINE_SHADOW;
}

/* Those that match and hold, at most SLUICE_MATCH_MAX. */
static void find_charged(struct judge *judge, const struct sluice_packet *p, struct charged *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < judge->n; i++) {
		const struct datapath_limit *limit = judge->limit[i];

		if (limit->until_ns && limit->until_ns <= judge->now_ns)
			continue;
		if (plain_match(limit->limit->match, p))
			ret->place[ret->n++] = (uint8_t)i;
	}
	judge->reasons.passed += ret->n == 0;
	judge->reasons.crowded += ret->n > SLUICE_MATCH_MAX;
	if (ret->n > SLUICE_MATCH_MAX)
		ret->n = SLUICE_MATCH_MAX;
}

/* Of no concern to any limit. */
static bool is_exempt(struct judge *judge, const struct sluice_packet *p)
{
	bool discovery = p->flags & (SLUICE_PACKET_ARP | SLUICE_PACKET_ND);
	bool unread = p->flags & (SLUICE_PACKET_TRUNCATED | SLUICE_PACKET_TOO_DEEP);

	judge->reasons.exempt += discovery;
	judge->reasons.not_ip += !discovery && !p->family && !unread;
	return discovery || (!p->family && !unread);
}

static void note_flags(struct judge *judge, const struct sluice_packet *p)
{
	judge->reasons.truncated += (p->flags & SLUICE_PACKET_TRUNCATED) != 0;
	judge->reasons.too_deep += (p->flags & SLUICE_PACKET_TOO_DEEP) != 0;
	judge->reasons.fragments += (p->flags & SLUICE_PACKET_LATER) != 0;
}

/* All or nothing over those that enforce; then each shadow for itself. */
static bool charge(struct judge *judge, const struct sluice_packet *p, const struct charged *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (is_shadow(judge, c->place[i]) || has_room(judge, c->place[i], p))
			continue;
		count(judge, c->place[i], p, false);
		judge->reasons.refused++;
		return false;
	}
	for (size_t i = 0; i < c->n; i++)
		count(judge, c->place[i], p,
		      !is_shadow(judge, c->place[i]) || has_room(judge, c->place[i], p));
	judge->reasons.admitted += c->n > 0;
	return true;
}

bool judge_packet(struct judge *judge, const void *frame, uint32_t bytes)
{
	struct sluice_packet p;
	struct charged charged;

	if (!judge->n)
		return true;
	reference_parse(frame, bytes, &p);
	if (is_exempt(judge, &p))
		return true;
	note_flags(judge, &p);
	find_charged(judge, &p, &charged);
	return charge(judge, &p, &charged);
}
