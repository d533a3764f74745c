/* Answers "may this key pass?" for every door there is and will be. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "service/service.h"

enum {
	CHECK_BATCH_MAX = 1000,
	CHECK_AHEAD_MAX = ENGINE_AHEAD_MAX,
};

/* Of one check's cost no more than this counts as usage. */
#define CHECK_TOKENS_MAX (INT64_C(1) << 40)

/* The request is wrong; *error names the field. */
#define CHECK_E_INVALID 1
/* The tenant has as many live keys as it may: a new one cannot be counted. Nothing was consumed. */
#define CHECK_E_KEYS_MAX 2

struct check_request {
	const char *key; /* UTF-8 without NUL, 1..ENGINE_KEY_MAX bytes */
	size_t key_len;
	int64_t cost; /* negative: refund */
	bool peek;
};

/* The answer in units for people: ms rounded up. */
struct check_figures {
	uint64_t limit;
	uint64_t remaining;
	uint64_t reset_after_ms;
	uint64_t retry_after_ms; /* SLUICE_NEVER: null */
};

struct check_answer {
	bool allowed;
	bool limited; /* some enforcing limit covers the key; else `tightest` means nothing */
	/* Of the refusing limits, else of all enforcing ones, the one with fewest remaining;
	 * retry_after_ms is the longest of all refusing ones, since only that wait helps. */
	struct check_figures tightest;
	uint32_t tightest_hit; /* index into verdict.hits */
	struct engine_verdict verdict;
};

/* Whether the key may be counted: 0, or CHECK_E_INVALID naming `field`. service_check() asks it too;
 * a door asks before it answers the first of many. */
int check_key_validate(const char *field, const char *key, size_t len, struct field_error *error);

/* One clock reading, no lock but the key's shard, no allocation for a known key. */
int service_check(struct service *service, const struct principal *who,
		  const struct check_request *request, struct field_error *error,
		  struct check_answer *ret);

/* Before the next n checks of a batch, at most CHECK_AHEAD_MAX: they then wait less for memory. */
void service_check_ahead(struct service *service, const struct principal *who,
			 const struct check_request *requests, size_t n);

/* Figures of one hit as people read them. */
void check_figures_of(const struct engine_hit *hit, struct check_figures *ret);
