/* What one tick brings one listener: rates of its limits, decisions chosen among samples. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/service_priv.h"

#define NS_PER_S 1e9

/* The tenant that the host's own figures belong to. */
enum { HOST_TENANT = 0 };

static void derive_packets(struct events *events, const struct sluice_reasons *now, double seconds)
{
	const struct sluice_reasons *before = &events->reasons;

#define DERIVE_REASON(name, help) \
	events->host.packets.name = watched_rate(now->name, before->name, seconds);
	SLUICE_REASONS(DERIVE_REASON)
#undef DERIVE_REASON
}

void events_measure_host(struct events *events, uint64_t now_ns)
{
	struct service *service = events->service;
	struct sluice_reasons reasons;
	struct engine_usage usage;

	service_usage(service, &usage);
	events->host.keys_live = usage.keys;
	events->host.packets_on = !packets_off(&service->reconcile.packets) &&
				  service_packet_reasons(service, &reasons) == 0;
	if (!events->host.packets_on)
		reasons = events->reasons;
	events->host_known = events->host_since_ns != 0 && now_ns > events->host_since_ns;
	if (events->host_known)
		derive_packets(events, &reasons,
			       (double)(now_ns - events->host_since_ns) / NS_PER_S);
	events->reasons = reasons;
	events->host_since_ns = now_ns;
}

/* xorshift64: only to choose fairly. */
static uint64_t draw(struct events *events, uint64_t below)
{
	events->random |= 1;
	events->random ^= events->random << 13;
	events->random ^= events->random >> 7;
	events->random ^= events->random << 17;
	return (events->random >> 11) % below;
}

/* A reservoir (Vitter's R): after n offers each of them is in it with the same chance. */
static struct events_pick *choose_place(struct events *events, struct events_picks *picks)
{
	uint64_t at;

	picks->offered++;
	if (picks->n < EVENTS_DECISIONS_PER_TICK)
		return &picks->at[picks->n++];
	at = draw(events, picks->offered);
	return at < EVENTS_DECISIONS_PER_TICK ? &picks->at[at] : NULL;
}

static void keep_decision(const struct sample *sample, struct events_pick *ret)
{
	struct events_decision *decision = &ret->decision;

	*decision = (struct events_decision){
		.time_ms = sample->time_ms,
		.key = ret->key,
		.key_len = sample->key_len,
		.cost = sample->cost,
		.allowed = sample->allowed,
		.weight = sample->weight,
	};
	memcpy(ret->key, sample_key(sample), sample->key_len);
	if (sample->tightest != SAMPLER_NO_HIT)
		memcpy(decision->limit, sample->hits[sample->tightest].id, ID_SIZE);
}

static bool is_wanted(const struct events_wish *wish, const struct sample *sample)
{
	if (!wish->decisions)
		return false;
	for (uint8_t i = 0; i < sample->n_hits; i++)
		if (strcmp(sample->hits[i].id, wish->limit) == 0)
			return true;
	return !*wish->limit;
}

void events_offer(struct events *events, struct events_listener *listener,
		  const struct sample *sample)
{
	struct events_pick *pick;

	if (!is_wanted(&listener->wish, sample))
		return;
	pick = choose_place(events, sample->allowed ? &listener->allowed : &listener->denied);
	if (pick)
		keep_decision(sample, pick);
}

/* Adds what still has room, and empties the picks. */
static size_t take_picks(struct events_picks *picks, struct events_decision *ret, size_t n)
{
	for (size_t i = 0; i < picks->n && n < EVENTS_DECISIONS_PER_TICK; i++)
		ret[n++] = picks->at[i].decision;
	picks->n = 0;
	picks->offered = 0;
	return n;
}

static void fill_limits(struct events *events, const struct events_listener *listener,
			struct events_rates *rates)
{
	const struct watched *watched = listener->watched;
	const struct watched_row *row;

	rates->limits = events->limits;
	if (*listener->wish.limit) {
		row = watched_find(watched, listener->wish.limit);
		if (row)
			watched_tell(watched, row, &events->limits[rates->n_limits++]);
		return;
	}
	for (; rates->n_limits < watched->n_busiest; rates->n_limits++)
		watched_tell(watched, watched->busiest[rates->n_limits],
			     &events->limits[rates->n_limits]);
	rates->others = watched->others;
	rates->n_others = watched->rows.n - watched->n_busiest;
}

void events_tell(struct events *events, struct events_listener *listener, uint64_t now_ns,
		 bool rates_due)
{
	struct events_decision decisions[EVENTS_DECISIONS_PER_TICK];
	const struct watched *watched = listener->watched;
	struct events_news news = {.now_ns = now_ns, .decisions = decisions};
	struct events_rates rates = {
		.time_ms = clock_utc_ms(events->service->clock),
		.seconds = watched->seconds,
		.sampled_1_of = watched->sampled_1_of,
		.checks_per_s = watched->checks_per_s,
	};

	news.n_decisions = take_picks(&listener->denied, decisions, 0);
	news.n_decisions = take_picks(&listener->allowed, decisions, news.n_decisions);
	if (rates_due && listener->wish.rates) {
		if (watched->tenant_number == HOST_TENANT && events->host_known)
			rates.host = &events->host;
		fill_limits(events, listener, &rates);
		news.rates = &rates;
	}
	listener->wish.tell(&news, listener->wish.data);
}
