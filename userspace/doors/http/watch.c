/* Knows every connection and closes those that take too long, however slowly they trickle. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "doors/http/watch.h"

#define NS_PER_MS 1000000ULL

enum {
	LOOK_MIN_MS = 10,
	LOOK_MAX_MS = 500,
	LOOK_DRAIN_MS = 50,
};

struct watch {
	struct watch_config config;
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below and all entries but their stage */
	pthread_cond_t wake;  /* draining or stopping was set */
	pthread_cond_t empty;
	struct watch_entry *first;
	uint32_t look_ms;
	bool draining;
	bool stopping;
};

/* Not the injected clock: what strangers' sockets do happens in real time. */
static uint64_t read_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static uint64_t read_received(int fd)
{
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? 0 : info.tcpi_bytes_received;
}

static bool is_older(uint64_t since_ns, uint64_t now_ns, uint32_t timeout_ms)
{
	return now_ns - since_ns >= timeout_ms * NS_PER_MS;
}

/*
 * Between requests bytes tell waiting from trickling: what has arrived by the first look counts as
 * nothing yet, so that a whole request that was pipelined is not taken for a late one.
 */
static bool is_idle_late(const struct watch *watch, struct watch_entry *entry, uint64_t now_ns)
{
	bool received = read_received(entry->fd) != entry->seen_bytes;

	if (watch->draining && !received)
		return true;
	if (entry->trickle_at_ns == 0 && received)
		entry->trickle_at_ns = now_ns;
	if (entry->trickle_at_ns)
		return is_older(entry->trickle_at_ns, now_ns, watch->config.header_timeout_ms);
	return is_older(entry->seen_at_ns, now_ns, watch->config.idle_timeout_ms);
}

static bool is_late(const struct watch *watch, struct watch_entry *entry, uint64_t now_ns)
{
	unsigned int stage = atomic_load_explicit(&entry->stage, memory_order_relaxed);
	enum watch_phase phase = stage & ((1U << WATCH_PHASE_BITS) - 1);

	if (stage != entry->seen_stage) {
		entry->seen_stage = stage;
		entry->seen_at_ns = now_ns;
		entry->trickle_at_ns = 0;
		entry->seen_bytes = phase == WATCH_IDLE ? read_received(entry->fd) : 0;
		return false;
	}
	switch (phase) {
	case WATCH_HEADERS:
		if (watch->draining && read_received(entry->fd) == 0)
			return true;
		return is_older(entry->seen_at_ns, now_ns, watch->config.header_timeout_ms);
	case WATCH_BODY:
		return is_older(entry->seen_at_ns, now_ns, watch->config.body_timeout_ms);
	case WATCH_ANSWER:
		return is_older(entry->seen_at_ns, now_ns, watch->config.idle_timeout_ms);
	case WATCH_IDLE:
		return is_idle_late(watch, entry, now_ns);
	case WATCH_WORK:
		break;
	}
	return false;
}

static void look_at_all(struct watch *watch)
{
	uint64_t now_ns = read_now_ns();

	for (struct watch_entry *entry = watch->first; entry; entry = entry->next)
		if (is_late(watch, entry, now_ns))
			shutdown(entry->fd, SHUT_RDWR);
}

static struct timespec in_ms(uint32_t ms)
{
	uint64_t ns = read_now_ns() + ms * NS_PER_MS;

	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000ULL),
				 .tv_nsec = (long)(ns % 1000000000ULL)};
}

static void *run_watch(void *data)
{
	struct watch *watch = data;

	pthread_setname_np(pthread_self(), "sluice-watch");
	pthread_mutex_lock(&watch->lock);
	while (!watch->stopping) {
		struct timespec next = in_ms(watch->look_ms);

		pthread_cond_timedwait(&watch->wake, &watch->lock, &next);
		look_at_all(watch);
	}
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

static uint32_t choose_look_ms(const struct watch_config *config)
{
	uint32_t ms = config->header_timeout_ms / 20;

	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > LOOK_MAX_MS ? LOOK_MAX_MS : ms;
}

static void destroy_watch(struct watch *watch)
{
	pthread_cond_destroy(&watch->empty);
	pthread_cond_destroy(&watch->wake);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

int watch_new(const struct watch_config *config, struct watch **ret)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	pthread_condattr_t monotonic;
	int err;

	if (!watch)
		return -ENOMEM;
	watch->config = *config;
	watch->look_ms = choose_look_ms(config);
	pthread_mutex_init(&watch->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->wake, &monotonic);
	pthread_cond_init(&watch->empty, &monotonic);
	pthread_condattr_destroy(&monotonic);
	err = pthread_create(&watch->thread, NULL, run_watch, watch);
	if (err) {
		destroy_watch(watch);
		return -err;
	}
	*ret = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->stopping = true;
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	destroy_watch(watch);
}

void watch_add(struct watch *watch, struct watch_entry *entry, int fd)
{
	atomic_init(&entry->stage, WATCH_HEADERS);
	entry->fd = fd;
	entry->seen_stage = WATCH_HEADERS;
	entry->seen_at_ns = read_now_ns();
	entry->trickle_at_ns = 0;
	pthread_mutex_lock(&watch->lock);
	entry->next = watch->first;
	entry->previous = &watch->first;
	if (entry->next)
		entry->next->previous = &entry->next;
	watch->first = entry;
	pthread_mutex_unlock(&watch->lock);
}

void watch_remove(struct watch *watch, struct watch_entry *entry)
{
	pthread_mutex_lock(&watch->lock);
	*entry->previous = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	if (!watch->first)
		pthread_cond_broadcast(&watch->empty);
	pthread_mutex_unlock(&watch->lock);
}

void watch_drain(struct watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->draining = true;
	watch->look_ms = LOOK_DRAIN_MS;
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->lock);
}

bool watch_wait_empty(struct watch *watch, uint32_t timeout_ms)
{
	struct timespec end = in_ms(timeout_ms);
	bool is_empty;
	int err = 0;

	pthread_mutex_lock(&watch->lock);
	while (watch->first && !err)
		err = pthread_cond_timedwait(&watch->empty, &watch->lock, &end);
	is_empty = !watch->first;
	pthread_mutex_unlock(&watch->lock);
	return is_empty;
}
