/* A listener of events that keeps what it was told, on a time that the test moves. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "service/service_priv.h"
#include "unit/service/listening.h"

enum { BEGAN_NS = 1000000000 };

static void keep_rates(const struct events_rates *rates, struct listening *l)
{
	l->rates_told++;
	l->seconds = rates->seconds;
	memcpy(l->checks_per_s, rates->checks_per_s, sizeof(l->checks_per_s));
	l->sampled_1_of = rates->sampled_1_of;
	l->others = rates->others;
	l->n_others = rates->n_others;
	l->n_limits = rates->n_limits;
	l->host_told = rates->host != NULL;
	if (rates->host)
		l->host = *rates->host;
	for (size_t i = 0; i < rates->n_limits; i++) {
		const struct events_limit *limit = &rates->limits[i];

		memcpy(l->ids[i], limit->limit->id, ID_SIZE);
		l->flows[i] = limit->flow;
		l->n_keys[i] = limit->n_keys;
		for (size_t j = 0; j < limit->n_keys; j++) {
			l->keys[i][j] = limit->keys[j];
			memcpy(l->texts[i][j], limit->keys[j].text, limit->keys[j].len);
			l->texts[i][j][limit->keys[j].len] = '\0';
		}
	}
}

static void keep_news(const struct events_news *news, void *data)
{
	struct listening *l = data;

	l->ticks++;
	if (news->rates)
		keep_rates(news->rates, l);
	for (size_t i = 0; i < news->n_decisions && l->n_decisions < LISTENING_DECISIONS; i++) {
		l->decisions[l->n_decisions] = news->decisions[i];
		memcpy(l->decided[l->n_decisions], news->decisions[i].key,
		       news->decisions[i].key_len);
		l->decided[l->n_decisions++][news->decisions[i].key_len] = '\0';
	}
}

static void note_end(void *data)
{
	((struct listening *)data)->ended = true;
}

void listening_own_time(struct rig *rig)
{
	struct events *events = &rig->service->events;

	events_halt(events);
	events_done(events);
	events_init(events, rig->service);
}

struct listening *listening_new(struct rig *rig, uint32_t tenant_number, const char *limit)
{
	struct listening *l = calloc(1, sizeof(*l));
	struct events_wish wish = {
		.tenant_number = tenant_number,
		.rates = true,
		.decisions = true,
		.tell = keep_news,
		.end = note_end,
		.data = l,
	};

	assert_non_null(l);
	strcpy(wish.limit, limit);
	l->service = rig->service;
	assert_int_equal(events_listener_new(rig->service, &wish, &l->listener), 0);
	events_begin(l->listener);
	events_admit(&rig->service->events, listening_now_ns(rig));
	return l;
}

void listening_free(struct listening *l)
{
	if (!l->ended)
		events_close(l->listener);
	events_admit(&l->service->events, BEGAN_NS);
	assert_true(l->ended);
	free(l);
}

uint64_t listening_now_ns(const struct rig *rig)
{
	return clock_now_ns(&rig->clock);
}

void listening_tick(struct rig *rig, unsigned int n)
{
	while (n--) {
		assert_int_equal(clock_advance_ms(&rig->clock, 1000 / EVENTS_TICKS_PER_S), 0);
		events_tick(&rig->service->events, listening_now_ns(rig));
	}
}

size_t listening_find(const struct listening *l, const char *id)
{
	for (size_t i = 0; i < l->n_limits; i++)
		if (strcmp(l->ids[i], id) == 0)
			return i;
	fail_msg("%s is not told", id);
	return 0;
}
