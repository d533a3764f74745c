/* A listener of events that keeps what it was told, on a time that the test moves. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/events.h"
#include "unit/service/rig.h"

enum { LISTENING_DECISIONS = 1000 };

/* The last rates, and all decisions. */
struct listening {
	struct service *service;
	struct events_listener *listener;
	unsigned int ticks, rates_told;
	bool ended;
	double seconds, sampled_1_of;
	double checks_per_s[METRICS_N_CHECKS];
	bool host_told;
	struct events_host host;
	struct events_flow others;
	size_t n_others;
	size_t n_limits;
	char ids[EVENTS_LIMITS_MAX][ID_SIZE];
	struct events_flow flows[EVENTS_LIMITS_MAX];
	size_t n_keys[EVENTS_LIMITS_MAX];
	struct events_key keys[EVENTS_LIMITS_MAX][EVENTS_KEYS_MAX];
	char texts[EVENTS_LIMITS_MAX][EVENTS_KEYS_MAX][ENGINE_KEY_MAX + 1];
	size_t n_decisions;
	struct events_decision decisions[LISTENING_DECISIONS];
	char decided[LISTENING_DECISIONS][ENGINE_KEY_MAX + 1];
};

/* Takes the place of the service's thread of events: from now on listening_tick() does its work. */
void listening_own_time(struct rig *rig);
/* limit "": all. */
struct listening *listening_new(struct rig *rig, uint32_t tenant_number, const char *limit);
void listening_free(struct listening *listening);
uint64_t listening_now_ns(const struct rig *rig);
/* Moves the clock on by n ticks. */
void listening_tick(struct rig *rig, unsigned int n);
/* The place of this limit in the last rates; there must be one. */
size_t listening_find(const struct listening *listening, const char *id);
