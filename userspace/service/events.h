/* What is going on, for whoever watches: rates of limits, their busiest keys, sampled decisions. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/counts.h>

#include "metrics/metrics.h"
#include "model/limit.h"
#include "service/service.h"

/*
 * One thread tells all listeners, and sleeps while there is none; checks then pay one load and one
 * branch. Rates of limits come from their own counters, once a second. Keys and decisions come from
 * samples: each checking thread takes each check with a probability of 1 in N, N so that it takes
 * some EVENTS_SAMPLES_PER_S at most, and whatever one sample stands for is told with it.
 */
enum {
	EVENTS_TICKS_PER_S = 4,
	EVENTS_SAMPLES_PER_S = 2000, /* of one thread */
	EVENTS_LIMITS_MAX = 100,     /* the busiest, which are told one by one */
	EVENTS_KEYS_MAX = 10,        /* the busiest of one limit */
	EVENTS_DECISIONS_PER_TICK = 5,
};

/* Checks or, of limits of packets, packets and bytes. Of a shadow limit: what it would deny. */
struct events_flow {
	double allowed_per_s;
	double denied_per_s;
	double allowed_bytes_per_s;
	double denied_bytes_per_s;
};

/* A fading mean of some seconds; never more than the samples have shown of this key. */
struct events_key {
	const char *text; /* not NUL-terminated */
	size_t len;
	double allowed_per_s;
	double denied_per_s;
};

struct events_limit {
	const struct limit *limit;
	struct events_flow flow;
	struct events_key keys[EVENTS_KEYS_MAX]; /* the busiest first */
	size_t n_keys;
};

/* Packets by reason, a second. */
struct events_packets {
#define EVENTS_REASON_MEMBER(name, help) double name;
	SLUICE_REASONS(EVENTS_REASON_MEMBER)
#undef EVENTS_REASON_MEMBER
};

/* Of the whole host, all tenants together. */
struct events_host {
	uint64_t keys_live;
	bool packets_on; /* else the next is 0 */
	struct events_packets packets;
};

struct events_rates {
	uint64_t time_ms;                  /* unix time at the end of these seconds */
	double seconds;                    /* that the figures are of */
	double sampled_1_of;               /* checks for each sample; 1: all of them */
	const double *checks_per_s;        /* METRICS_N_CHECKS, by enum metrics_check */
	const struct events_host *host;    /* NULL: told to the host's own tenant only */
	const struct events_limit *limits; /* the busiest first */
	size_t n_limits;
	struct events_flow others; /* all that are not among those */
	size_t n_others;
};

struct events_decision {
	uint64_t time_ms;
	const char *key;
	size_t key_len;
	int64_t cost;
	bool allowed;
	char limit[ID_SIZE]; /* the tightest; "": none covers the key */
	uint32_t weight;     /* checks that it stands for */
};

/* What one tick brings. Valid during the call only. */
struct events_news {
	uint64_t now_ns;                  /* CLOCK_MONOTONIC */
	const struct events_rates *rates; /* NULL: none are due or wanted */
	const struct events_decision *decisions;
	size_t n_decisions;
};

struct events_wish {
	uint32_t tenant_number; /* whose limits, keys and decisions are told */
	bool rates;
	bool decisions;
	char limit[ID_SIZE]; /* only of this one; "": of all */
	/* On the thread of events, every tick, news or not. It must not block. */
	void (*tell)(const struct events_news *news, void *data);
	/* Once, after the last tell(): on the same thread, or on that of events_begin(). */
	void (*end)(void *data);
	void *data;
};

struct events_listener;

/* In two steps, since nothing is told before the second, which cannot fail. 0 or -ENOMEM. */
int events_listener_new(struct service *service, const struct events_wish *wish,
			struct events_listener **ret);
void events_begin(struct events_listener *listener);
/* Never begun. */
void events_listener_free(struct events_listener *listener);
/* From any thread, also from tell(), until end() is called: no more is told, end() follows soon. */
void events_close(struct events_listener *listener);

/* Ends all listeners; who begins later ends at once. Twice is fine. */
void events_stop(struct service *service);
/* Samples that were lost, since the checking threads were faster than ours. */
uint64_t events_samples_lost(struct service *service);
