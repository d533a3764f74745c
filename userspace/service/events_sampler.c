/* Takes checks at random, as many as the events thread can use, and puts them where it finds them. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "service/events.h"
#include "service/events_sampler_priv.h"

enum {
	/* Of one thread in one tick. */
	TAKEN_MAX = EVENTS_SAMPLES_PER_S / EVENTS_TICKS_PER_S,
	/* What N aims at: chance alone must not reach the maximum. */
	TAKEN_AIM = TAKEN_MAX * 3 / 4,
	/* So many more, and N doubles. */
	TAKEN_STEP = 32,
	ONE_OF_MAX = 1 << 20,
};

/* Of this thread. */
static _Thread_local struct {
	uint32_t tick;
	uint32_t one_of; /* N */
	uint32_t taken;  /* in this tick */
	uint64_t seen;   /* in this tick */
	uint64_t state;  /* of the random numbers; 0: not seeded yet */
} own;

void sampler_init(struct sampler *sampler)
{
	*sampler = (struct sampler){.tick = 0};
	for (size_t i = 0; i < SAMPLER_RINGS; i++)
		atomic_flag_clear(&sampler->slots[i].busy);
}

void sampler_done(struct sampler *sampler)
{
	for (size_t i = 0; i < SAMPLER_RINGS; i++)
		free(atomic_load(&sampler->slots[i].ring));
}

static void begin_tick(uint32_t tick)
{
	uint32_t passed = tick - own.tick;
	uint64_t one_of = own.seen / passed / TAKEN_AIM + 1;

	if (own.state == 0) {
		random_bytes(&own.state, sizeof(own.state));
		own.state |= 1;
	}
	own.tick = tick;
	own.one_of = one_of < ONE_OF_MAX ? (uint32_t)one_of : ONE_OF_MAX;
	own.taken = 0;
	own.seen = 0;
}

/* xorshift64*: Vigna, An experimental exploration of Marsaglia's xorshift generators, 2016. */
static uint32_t draw_u32(void)
{
	own.state ^= own.state >> 12;
	own.state ^= own.state << 25;
	own.state ^= own.state >> 27;
	return (uint32_t)(own.state * 2685821657736338717ULL >> 32);
}

uint32_t sampler_draw(uint32_t tick)
{
	uint32_t weight;

	if (tick != own.tick)
		begin_tick(tick);
	own.seen++;
	weight = own.one_of;
	if (weight > 1 && draw_u32() > UINT32_MAX / weight)
		return 0;
	own.taken++;
	if (own.taken >= TAKEN_MAX && (own.taken - TAKEN_MAX) % TAKEN_STEP == 0 &&
	    own.one_of < ONE_OF_MAX)
		own.one_of *= 2;
	return weight;
}

static struct sampler_slot *own_slot(struct sampler *sampler)
{
	unsigned int thread = counters_thread ? counters_thread : counters_number_thread();

	return &sampler->slots[thread - 1];
}

/* The ring of a slot that is ours alone for now; made when first needed. NULL: no memory. */
static struct ring *ring_of(struct sampler_slot *slot)
{
	struct ring *ring = atomic_load_explicit(&slot->ring, memory_order_relaxed);

	if (ring)
		return ring;
	ring = aligned_alloc(_Alignof(struct ring), sizeof(*ring));
	if (!ring)
		return NULL;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_store_explicit(&slot->ring, ring, memory_order_release);
	return ring;
}

static void fill_sample(struct sample *sample, const struct check_request *request,
			const struct check_answer *answer)
{
	sample->cost = request->cost;
	sample->key_len = (uint16_t)request->key_len;
	sample->n_hits = (uint8_t)answer->verdict.count;
	sample->tightest = answer->limited ? (uint8_t)answer->tightest_hit : SAMPLER_NO_HIT;
	sample->allowed = answer->allowed;
	for (uint32_t i = 0; i < answer->verdict.count; i++) {
		const struct engine_hit *hit = &answer->verdict.hits[i];

		memcpy(sample->hits[i].id, hit->id, ENGINE_ID_SIZE);
		sample->hits[i].refused = hit->refused;
	}
	memcpy(&sample->hits[sample->n_hits], request->key, request->key_len);
}

void sampler_see(struct sampler *sampler, const struct clock *clock, const struct principal *who,
		 const struct check_request *request, const struct check_answer *answer)
{
	uint32_t tick = atomic_load_explicit(&sampler->tick, memory_order_relaxed);
	uint32_t weight = tick ? sampler_draw(tick) : 0;
	size_t len = sizeof(struct sample) + answer->verdict.count * sizeof(struct sample_hit) +
		     request->key_len;
	struct sampler_slot *slot;
	struct sample *sample = NULL;
	struct ring *ring;

	if (!weight)
		return;
	slot = own_slot(sampler);
	if (!atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire)) {
		ring = ring_of(slot);
		sample = ring ? ring_claim(ring, len) : NULL;
		if (sample) {
			sample->time_ms = clock_utc_ms(clock);
			sample->tenant = who->tenant_number;
			sample->weight = weight;
			fill_sample(sample, request, answer);
			ring_commit(ring, len);
		}
		atomic_flag_clear_explicit(&slot->busy, memory_order_release);
	}
	if (!sample)
		atomic_fetch_add_explicit(&sampler->lost, 1, memory_order_relaxed);
}

void sampler_drain(struct sampler *sampler, void (*take)(const struct sample *sample, void *data),
		   void *data)
{
	const struct sample *sample;
	struct ring *ring;

	for (size_t i = 0; i < SAMPLER_RINGS; i++) {
		ring = atomic_load_explicit(&sampler->slots[i].ring, memory_order_acquire);
		/* No more than there can be at once: threads go on writing. */
		for (size_t bytes = 0; ring && bytes < RING_BYTES;) {
			sample = ring_next(ring);
			if (!sample)
				break;
			take(sample, data);
			bytes += sizeof(*sample) + sample->key_len;
			ring_drop(ring);
		}
	}
}
