/* The thread that tells listeners what is going on; it sleeps while there is none. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "service/service_priv.h"
#include "service/wake_priv.h"

enum { TICKS_MIN = 2 }; /* that rates are of, at the least */

#define TICK_NS (1000000000ULL / EVENTS_TICKS_PER_S)

/* Whoever was never taken in. */
static void end_listener(struct events_listener *listener)
{
	listener->wish.end(listener->wish.data);
	free(listener);
}

static struct watched *find_tenant(struct events *events, uint32_t tenant_number)
{
	struct watched *watched = events->tenants;

	while (watched && watched->tenant_number != tenant_number)
		watched = watched->next;
	return watched;
}

static void count_tenant(struct watched *watched, struct service *service, uint64_t now_ns)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service);

	/* Without memory nothing is told until there is some. */
	if (watched_count(watched, service, catalog, now_ns) == 0)
		watched_follow(watched, NULL, 0);
}

static struct watched *watch_tenant(struct events *events, uint32_t tenant_number, uint64_t now_ns)
{
	struct watched *watched = find_tenant(events, tenant_number);

	if (watched)
		return watched;
	watched = watched_new(tenant_number);
	if (!watched)
		return NULL;
	watched->next = events->tenants;
	events->tenants = watched;
	count_tenant(watched, events->service, now_ns);
	return watched;
}

static void forget_tenant(struct events *events, struct watched *watched)
{
	struct watched **at = &events->tenants;

	while (*at != watched)
		at = &(*at)->next;
	*at = watched->next;
	watched_free(watched);
}

static void remove_listener(struct events *events, struct events_listener *listener)
{
	struct watched *watched = listener->watched;

	end_listener(listener);
	if (--watched->listeners == 0)
		forget_tenant(events, watched);
}

static void ignore_sample(const struct sample *sample, void *data)
{
	(void)sample;
	(void)data;
}

static void begin_sampling(struct events *events, uint64_t now_ns)
{
	/* What was left when the last listener went. */
	sampler_drain(&events->sampler, ignore_sample, NULL);
	events->host_since_ns = 0;
	events_measure_host(events, now_ns);
	/* A whole second before the first rates. */
	events->tick = events->tick / EVENTS_TICKS_PER_S * EVENTS_TICKS_PER_S + EVENTS_TICKS_PER_S;
	atomic_store(&events->sampler.tick, events->tick);
}

static void add_listener(struct events *events, struct events_listener *listener, uint64_t now_ns)
{
	if (!events->listeners)
		begin_sampling(events, now_ns);
	listener->watched = watch_tenant(events, listener->wish.tenant_number, now_ns);
	if (!listener->watched) {
		end_listener(listener);
		return;
	}
	listener->watched->listeners++;
	listener->next = events->listeners;
	events->listeners = listener;
}

/* Those that are closed, taken out of the list. */
static struct events_listener *take_closed(struct events *events)
{
	struct events_listener **at = &events->listeners, *closed = NULL, *listener;

	while ((listener = *at)) {
		if (!listener->closed && !events->stop) {
			at = &listener->next;
			continue;
		}
		*at = listener->next;
		listener->next = closed;
		closed = listener;
	}
	return closed;
}

void events_admit(struct events *events, uint64_t now_ns)
{
	struct events_listener *newcomers, *closed, *next;
	bool stop;

	pthread_mutex_lock(&events->lock);
	newcomers = events->newcomers;
	events->newcomers = NULL;
	events->stirred = false;
	closed = take_closed(events);
	stop = events->stop;
	pthread_mutex_unlock(&events->lock);
	for (; closed; closed = next) {
		next = closed->next;
		remove_listener(events, closed);
	}
	for (; newcomers; newcomers = next) {
		next = newcomers->next;
		if (stop)
			end_listener(newcomers);
		else
			add_listener(events, newcomers, now_ns);
	}
	if (!events->listeners)
		atomic_store(&events->sampler.tick, 0);
}

static void take_sample(const struct sample *sample, void *data)
{
	struct events *events = data;
	struct watched *watched = find_tenant(events, sample->tenant);

	if (!watched)
		return;
	watched_take(watched, sample);
	for (struct events_listener *l = events->listeners; l; l = l->next)
		if (l->watched == watched)
			events_offer(events, l, sample);
}

static void follow_wishes(struct events *events, struct watched *watched)
{
	const char *others[WATCHED_FOLLOWED_MAX];
	size_t n = 0;

	for (struct events_listener *l = events->listeners; l; l = l->next)
		if (l->watched == watched && *l->wish.limit && n < WATCHED_FOLLOWED_MAX)
			others[n++] = l->wish.limit;
	watched_follow(watched, others, n);
}

static bool rates_are_due(const struct events *events)
{
	return events->tick % EVENTS_TICKS_PER_S == 0;
}

static void tell_tenant(struct events *events, struct watched *watched, uint64_t now_ns)
{
	_cleanup_catalog_ struct catalog *catalog = NULL;
	bool due = false;

	/* Who came just now waits for the next time. */
	if (++watched->ticks >= TICKS_MIN && rates_are_due(events)) {
		catalog = service_catalog_get(events->service);
		due = watched_count(watched, events->service, catalog, now_ns) == 0;
	}
	for (struct events_listener *l = events->listeners; l; l = l->next)
		if (l->watched == watched)
			events_tell(events, l, now_ns, due && watched->seconds > 0);
	if (due)
		follow_wishes(events, watched);
}

void events_tick(struct events *events, uint64_t now_ns)
{
	if (++events->tick == 0)
		events->tick = EVENTS_TICKS_PER_S;
	if (events->listeners)
		atomic_store(&events->sampler.tick, events->tick);
	sampler_drain(&events->sampler, take_sample, events);
	if (rates_are_due(events))
		events_measure_host(events, now_ns);
	for (struct watched *watched = events->tenants; watched; watched = watched->next)
		tell_tenant(events, watched, now_ns);
}

/* Until the next tick, until somebody stirs; without listeners until somebody comes. */
static bool rest(struct events *events, uint64_t until_ns)
{
	bool stop;
	int r = 0;

	pthread_mutex_lock(&events->lock);
	while (!events->stop && !events->stirred && r == 0)
		r = events->listeners ? wake_wait(&events->wake, &events->lock, until_ns) :
					pthread_cond_wait(&events->wake, &events->lock);
	stop = events->stop;
	pthread_mutex_unlock(&events->lock);
	return stop;
}

static void *run_events(void *data)
{
	struct events *events = data;
	uint64_t due_ns = monotonic_ns() + TICK_NS, now_ns;
	bool stop, idle;

	do {
		idle = !events->listeners;
		stop = rest(events, due_ns);
		now_ns = monotonic_ns();
		events_admit(events, now_ns);
		if (idle)
			due_ns = now_ns + TICK_NS;
		if (now_ns < due_ns)
			continue;
		events_tick(events, now_ns);
		/* Who was late does not hurry. */
		due_ns += TICK_NS;
		if (due_ns <= now_ns)
			due_ns = now_ns + TICK_NS;
	} while (!stop);
	return NULL;
}

void events_init(struct events *events, struct service *service)
{
	memset((void *)events, 0, sizeof(*events));
	events->service = service;
	sampler_init(&events->sampler);
	random_bytes(&events->random, sizeof(events->random));
	pthread_mutex_init(&events->lock, NULL);
	pthread_cond_init(&events->wake, NULL);
}

int events_start(struct events *events)
{
	int err = pthread_create(&events->thread, NULL, run_events, events);

	if (err)
		return -err;
	pthread_setname_np(events->thread, "events");
	events->running = true;
	return 0;
}

void events_halt(struct events *events)
{
	pthread_mutex_lock(&events->lock);
	events->stop = true;
	pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->lock);
	if (events->running)
		pthread_join(events->thread, NULL);
	events->running = false;
	/* Where there was no thread, and who came when it had ended. */
	events_admit(events, monotonic_ns());
}

void events_done(struct events *events)
{
	sampler_done(&events->sampler);
	pthread_cond_destroy(&events->wake);
	pthread_mutex_destroy(&events->lock);
}

int events_listener_new(struct service *service, const struct events_wish *wish,
			struct events_listener **ret)
{
	struct events_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return -ENOMEM;
	listener->events = &service->events;
	listener->wish = *wish;
	*ret = listener;
	return 0;
}

void events_listener_free(struct events_listener *listener)
{
	free(listener);
}

void events_begin(struct events_listener *listener)
{
	struct events *events = listener->events;
	bool stop;

	pthread_mutex_lock(&events->lock);
	stop = events->stop;
	if (!stop) {
		listener->next = events->newcomers;
		events->newcomers = listener;
		events->stirred = true;
		pthread_cond_signal(&events->wake);
	}
	pthread_mutex_unlock(&events->lock);
	if (stop)
		end_listener(listener);
}

void events_close(struct events_listener *listener)
{
	struct events *events = listener->events;

	pthread_mutex_lock(&events->lock);
	listener->closed = true;
	events->stirred = true;
	pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->lock);
}

void events_stop(struct service *service)
{
	events_halt(&service->events);
}

uint64_t events_samples_lost(struct service *service)
{
	return atomic_load_explicit(&service->events.sampler.lost, memory_order_relaxed);
}
