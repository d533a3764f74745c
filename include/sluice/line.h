/* Bucket lines: five buckets in one cache line, charged by many CPUs at once without waiting. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/algorithm.h>

/*
 * A key's 64-bit hash picks a line (upper half) of its limit's own range and a tag (lower half).
 * Words are those of the token bucket; a line never holds another algorithm's. A key whose tag is
 * in no slot owes at most the least word of the slots that are not settled, so claiming a slot
 * inherits that word, capped at half a burst so that a flood of newcomers cannot starve every
 * further one. Exact while fewer than six keys of a line are in debt (four where two others have
 * settled): a word in the past equals one never used. The cap is no help at burst 1: a newcomer to
 * a line full of debt then waits for an idle slot.
 *
 * Settled: a key that paid its debt and came back while the line was calm keeps its slot, so that
 * a flood of newcomers does not move who behaved before it, until it has been idle for
 * SLUICE_LINE_SETTLED_NS. At most two of a line's five.
 *
 * Hit: compare-and-swap of the word, then the tag again: changed means that the charge went to
 * somebody else, so charge again. Claim: under the lock bit of the spare. Tag 0 stops new hits; a
 * hit in flight either makes our swap fail, or is inherited, or comes later and sees its tag gone.
 * All races refuse too much, never too little. Nobody waits: out of tries refuses.
 *
 * Userspace may hit, refund and lower words, but must not claim: killed inside, it would leave the
 * line locked.
 */

enum {
	SLUICE_LINE_SLOTS = 5,
	SLUICE_LINE_TRIES = 16,
	SLUICE_LINE_LOCKED = 1 << 0,  /* spare: somebody claims */
	SLUICE_LINE_SETTLED = 1 << 8, /* spare: slot 0 is settled; up to 4 left of it */
};

#define SLUICE_LINE_SETTLED_NS (60ULL * 1000 * 1000 * 1000)

enum sluice_line_result {
	SLUICE_LINE_ADMITTED = 0,
	SLUICE_LINE_REFUSED = 1,
	SLUICE_LINE_BUSY = 2,  /* refused for want of tries: to be counted */
	SLUICE_LINE_RETRY = 3, /* inside this header only */
};

struct sluice_line {
	__u64 word[SLUICE_LINE_SLOTS];
	__u32 tag[SLUICE_LINE_SLOTS]; /* 0: nobody's */
	__u32 spare;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct sluice_line) == 64, "sluice_line is one cache line");
_Static_assert(__builtin_offsetof(struct sluice_line, tag) == 40, "tags follow the words");
_Static_assert(__builtin_offsetof(struct sluice_line, spare) == 60, "the spare is last");

/* What an admission took and from where, so that it can be given back. */
struct sluice_slip {
	__u64 ticks;
	__u32 slot;
	__u32 spare;
};

_Static_assert(sizeof(struct sluice_slip) == 16, "sluice_slip has no padding");

/* One request. now_ns is the exact time, or for sluice_line_refuses() any time before it. */
struct sluice_ask {
	__u64 now_ns;
	__u64 cost;
	__u32 tag;
	__u32 spare;
};

_Static_assert(sizeof(struct sluice_ask) == 24, "sluice_ask has no padding");

/* clang 14 has no atomic load for BPF, where a volatile one is a single instruction. */
#ifdef __bpf__
#define sluice_line_load(p) (*(const volatile typeof(*(p)) *)(p))
#else
#define sluice_line_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#endif

static __always_inline __u32 sluice_line_tag(__u64 hash)
{
	__u32 tag = (__u32)hash;

	return tag ? tag : 1;
}

/* `lines` need not be a power of two. */
static __always_inline __u64 sluice_line_index(__u64 hash, __u32 first, __u32 lines)
{
	return first + (((hash >> 32) * lines) >> 32);
}

/* A slot of the line, whole for the verifier, which does not see what the compiler knows. */
static __always_inline __u32 sluice_line_bound(__u32 slot)
{
	asm volatile("" : "+r"(slot));
	return slot < SLUICE_LINE_SLOTS ? slot : 0;
}

/*
 * The slot that carries `tag`, or SLUICE_LINE_SLOTS: counts the slots before the first that does.
 * Without branches, since where a key lies in its line is chance: a flood of a thousand sources
 * would mispredict one for every packet. The barrier keeps the compiler from making them again.
 */
static __always_inline __u32 sluice_line_find(const struct sluice_line *line, __u32 tag)
{
	__u64 before = ~0ULL, slot = 0;

#pragma GCC unroll 5
	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++) {
		__u64 negative = 0 - (__u64)(sluice_line_load(&line->tag[i]) ^ tag);

		asm volatile("" : "+r"(negative));
		before &= (__u64)((__s64)negative >> 63);
		slot -= before;
	}
	return (__u32)slot;
}

static __always_inline __u32 sluice_line_is_settled(__u32 spare, __u32 slot)
{
	return spare & (__u32)SLUICE_LINE_SETTLED << slot;
}

/* Of the slots that are not settled, but for `except`: the one of the least word, and that word. */
static __always_inline __u32 sluice_line_least(const struct sluice_line *line, __u32 except,
					       __u64 *ret_word)
{
	__u32 spare = sluice_line_load(&line->spare);
	__u64 least = ~0ULL;
	__u32 slot = 0;

#pragma GCC unroll 5
	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++) {
		__u64 word = sluice_line_load(&line->word[i]);

		if (i != except && !sluice_line_is_settled(spare, i) && word < least) {
			least = word;
			slot = i;
		}
	}
	*ret_word = least;
	return slot;
}

/*
 * The slot that a newcomer takes and its word, given the slot of the least word and that: one whose
 * settled key has long been gone if the others owe.
 */
static __always_inline __u32 sluice_line_victim(const struct sluice_line *line, __u64 now_ns,
						__u32 slot, __u64 *word)
{
	__u32 spare = sluice_line_load(&line->spare);
	__u64 now = now_ns << SLUICE_TICK_SHIFT;

	if (*word <= now)
		return slot;
#pragma GCC unroll 5
	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++) {
		__u64 seen = sluice_line_load(&line->word[i]);

		if (sluice_line_is_settled(spare, i) &&
		    seen + (SLUICE_LINE_SETTLED_NS << SLUICE_TICK_SHIFT) <= now) {
			*word = seen;
			slot = i;
		}
	}
	return slot;
}

/* What a newcomer inherits of the least word. */
static __always_inline __u64 sluice_line_inherit(__u64 word, __u64 now_ns,
						 const struct sluice_params *p)
{
	__u64 most = (now_ns << SLUICE_TICK_SHIFT) + (p->tolerance >> 1);

	return word < most ? word : most;
}

/* 1 if the line as it stands refuses at ask->now_ns; a look, which changes nothing. */
static __always_inline int sluice_line_refuses(const struct sluice_line *line,
					       const struct sluice_ask *ask,
					       const struct sluice_params *p)
{
	__u32 slot = sluice_line_find(line, ask->tag);
	__u64 word, next;

	if (slot < SLUICE_LINE_SLOTS) {
		word = sluice_line_load(&line->word[sluice_line_bound(slot)]);
	} else {
		sluice_line_least(line, SLUICE_LINE_SLOTS, &word);
		word = sluice_line_inherit(word, ask->now_ns, p);
	}
	return ask->cost > p->burst || !sluice_bucket_step(word, ask->now_ns, ask->cost, p, &next);
}

/* Keeps the slot of a key that has come back, if the line is calm and fewer than two are kept. */
static __always_inline void sluice_line_settle(struct sluice_line *line, __u32 slot, __u64 now_ns)
{
	__u32 spare = sluice_line_load(&line->spare);
	__u32 settled = spare >> 8 & 0x1f;
	__u64 word;

	if (sluice_line_is_settled(spare, slot) || spare & SLUICE_LINE_LOCKED)
		return;
	/* Two bits at least: clearing the lowest leaves one. */
	if (settled & (settled - 1))
		return;
	sluice_line_least(line, slot, &word);
	if (word > now_ns << SLUICE_TICK_SHIFT)
		return;
	(void)__sync_val_compare_and_swap(&line->spare, spare,
					  spare | (__u32)SLUICE_LINE_SETTLED << slot);
}

static __always_inline int sluice_line_hit(struct sluice_line *line, __u32 slot,
					   const struct sluice_ask *ask,
					   const struct sluice_params *p)
{
	__u64 seen = sluice_line_load(&line->word[slot]);
	__u64 next;

	if (!sluice_bucket_step(seen, ask->now_ns, ask->cost, p, &next))
		return SLUICE_LINE_REFUSED;
	if (__sync_val_compare_and_swap(&line->word[slot], seen, next) != seen)
		return SLUICE_LINE_RETRY;
	if (sluice_line_load(&line->tag[slot]) != ask->tag)
		return SLUICE_LINE_RETRY;
	if (seen <= ask->now_ns << SLUICE_TICK_SHIFT)
		sluice_line_settle(line, slot, ask->now_ns);
	return SLUICE_LINE_ADMITTED;
}

/* Under the lock: takes a slot. */
static __always_inline int sluice_line_take(struct sluice_line *line, const struct sluice_ask *ask,
					    const struct sluice_params *p, __u32 *ret_slot)
{
	__u64 least, least_again, seen, next;
	__u32 slot, old;

	if (sluice_line_find(line, ask->tag) < SLUICE_LINE_SLOTS)
		return SLUICE_LINE_RETRY;
	slot = sluice_line_least(line, SLUICE_LINE_SLOTS, &least);
	if (!sluice_bucket_step(sluice_line_inherit(least, ask->now_ns, p), ask->now_ns, ask->cost,
				p, &next))
		return SLUICE_LINE_REFUSED;
	seen = least;
	slot = sluice_line_bound(sluice_line_victim(line, ask->now_ns, slot, &seen));
	old = __sync_lock_test_and_set(&line->tag[slot], 0);
	sluice_line_least(line, SLUICE_LINE_SLOTS, &least_again);
	if (least_again != least ||
	    __sync_val_compare_and_swap(&line->word[slot], seen, next) != seen) {
		(void)__sync_lock_test_and_set(&line->tag[slot], old);
		return SLUICE_LINE_RETRY;
	}
	(void)__sync_lock_test_and_set(&line->tag[slot], ask->tag);
	*ret_slot = slot;
	return SLUICE_LINE_ADMITTED;
}

/* Refuses without the lock what the least word refuses: a flood of newcomers only reads. */
static __always_inline int sluice_line_claim(struct sluice_line *line, const struct sluice_ask *ask,
					     const struct sluice_params *p, __u32 *ret_slot)
{
	__u32 spare = sluice_line_load(&line->spare);
	__u32 clear = SLUICE_LINE_LOCKED;
	__u64 word, next;
	int result;

	sluice_line_least(line, SLUICE_LINE_SLOTS, &word);
	if (!sluice_bucket_step(sluice_line_inherit(word, ask->now_ns, p), ask->now_ns, ask->cost,
				p, &next))
		return SLUICE_LINE_REFUSED;
	if (spare & SLUICE_LINE_LOCKED)
		return SLUICE_LINE_RETRY;
	if (__sync_val_compare_and_swap(&line->spare, spare, spare | SLUICE_LINE_LOCKED) != spare)
		return SLUICE_LINE_RETRY;
	result = sluice_line_take(line, ask, p, ret_slot);
	if (result == SLUICE_LINE_ADMITTED)
		clear |= (__u32)SLUICE_LINE_SETTLED << *ret_slot;
	__sync_fetch_and_and(&line->spare, ~clear);
	return result;
}

/* One try: as sluice_line_charge(), or SLUICE_LINE_RETRY. */
static __always_inline int sluice_line_try(struct sluice_line *line, const struct sluice_ask *ask,
					   const struct sluice_params *p,
					   struct sluice_slip *ret_slip)
{
	__u32 slot = sluice_line_find(line, ask->tag);
	int result;

	if (ask->cost > p->burst)
		return SLUICE_LINE_REFUSED;
	if (slot < SLUICE_LINE_SLOTS) {
		slot = sluice_line_bound(slot);
		result = sluice_line_hit(line, slot, ask, p);
	} else {
		result = sluice_line_claim(line, ask, p, &slot);
	}
	if (result == SLUICE_LINE_ADMITTED) {
		ret_slip->ticks = sluice_bucket_ticks(ask->cost, p);
		ret_slip->slot = slot;
		ret_slip->spare = 0;
	}
	return result;
}

/*
 * Charges ask->cost (at least 1) to the key. Returns SLUICE_LINE_ADMITTED and sets *ret_slip, or
 * _REFUSED or _BUSY with the key charged nothing (but for what a lost race has cost it).
 */
static __always_inline int sluice_line_charge(struct sluice_line *line,
					      const struct sluice_ask *ask,
					      const struct sluice_params *p,
					      struct sluice_slip *ret_slip)
{
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_LINE_TRIES; i++) {
		int result = sluice_line_try(line, ask, p, ret_slip);

		if (result != SLUICE_LINE_RETRY)
			return result;
	}
	return SLUICE_LINE_BUSY;
}

/*
 * Gives an admission back. Right too when another key has claimed the slot since, because it
 * inherited the charge; where the cap cut that short, up to cost minus half a burst too much goes
 * back. A refund that would pass zero (the cap, soon after boot) is forgone.
 */
static __always_inline void sluice_line_refund(struct sluice_line *line,
					       const struct sluice_slip *slip)
{
	__u64 *word = &line->word[sluice_line_bound(slip->slot)];

	if (__sync_fetch_and_add(word, 0 - slip->ticks) < slip->ticks)
		__sync_fetch_and_add(word, slip->ticks);
}
