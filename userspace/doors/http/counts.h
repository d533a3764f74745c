/* Counts answers by row of the route table, and times some of the requests with checks. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/http_priv.h"
#include "doors/http/request.h"
#include "metrics/metrics.h"

enum { COUNTS_TIMED_EVERY = 16 };

/* 0 or -ENOMEM. */
int counts_new(struct counters **ret);

/*
 * A clock reading costs as much as all counting, so of the requests to timed routes each thread
 * times one in COUNTS_TIMED_EVERY, the first of them to begin with. counts_begin() is asked for
 * every request, since its route is not known yet; counts_admitted() then says whether the time
 * counts.
 */
uint64_t counts_begin(void);
void counts_admitted(struct request *request);

/* Once per answer. */
void counts_add(const struct request *request, unsigned int status);

/* Fills the door's part of the facts. */
void counts_read(const struct http *http, struct metrics_facts *ret);
