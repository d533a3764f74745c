/* The RateLimit fields of draft-ietf-httpapi-ratelimit-headers-11, and Retry-After. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "service/check.h"

enum {
	RATELIMIT_ITEMS_MAX = 8,
};

/*
 * One item per enforcing limit, named by its id, the tightest first, RATELIMIT_ITEMS_MAX at most:
 *     RateLimit-Policy: "lim_...";q=<limit>;w=<interval in s>
 *     RateLimit: "lim_...";r=<remaining>;t=<s>
 * Seconds are rounded up. t is the time within which no more than r can be used: until full, or
 * for a refusing limit until the request would pass, so that Retry-After never points before it.
 * Retry-After (at least 1) only when denied and when waiting helps. Nothing without such a limit.
 */
void ratelimit_headers_set(const struct check_answer *answer, struct reply *reply);
