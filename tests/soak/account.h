/* What a server let one key consume, as seen from outside, held against what its limits allow. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A request was charged at some moment between its sending and its answer. Whoever keeps an account
 * has at most one request for its key under way, so both bounds below are sharp: over any interval
 * at most burst + rate x time was allowed, and nothing was refused that surely had room.
 *
 * Times in ns of CLOCK_MONOTONIC, windows in UTC. One thread at a time.
 */
enum { ACCOUNT_EVENTS = 256 };

struct account_limit {
	uint64_t period_ns; /* per token */
	uint64_t burst;
	uint64_t window_ns; /* of a fixed window that covers the key as well; 0: none does */
	uint64_t window_limit;
	bool judge_refusals; /* the bucket is all that refuses, and its numbers never change */
};

struct account_event {
	uint64_t sent_ns, answered_ns;
	uint64_t cost;
	uint64_t former_ns; /* full_least_ns before it */
};

struct account {
	const struct account_limit *limit;
	/* When the bucket is full again, if each charge came as early as it could and none was made
	 * but those that were answered; and if each came as late as it could. */
	uint64_t full_least_ns, full_most_ns;
	struct account_event events[ACCOUNT_EVENTS]; /* the latest ones that were allowed, a ring */
	uint32_t n;                                  /* ever */
};

enum account_verdict {
	ACCOUNT_FINE,
	ACCOUNT_OVER_BUCKET,  /* more was allowed than burst + rate x time */
	ACCOUNT_OVER_WINDOW,  /* more was allowed in one window than its limit */
	ACCOUNT_REFUSED_ROOM, /* it was refused though there was room */
};

void account_init(struct account *account, const struct account_limit *limit);

/* utc_ns: what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC. */
enum account_verdict account_allowed(struct account *account, uint64_t sent_ns,
				     uint64_t answered_ns, uint64_t utc_ns, uint64_t cost);
enum account_verdict account_refused(const struct account *account, uint64_t sent_ns,
				     uint64_t cost);
/* No answer came: it may have been charged until a moment ago. */
void account_unanswered(struct account *account, uint64_t noticed_ns, uint64_t cost);
/* The server may have forgotten what it answered after that moment. */
void account_forget(struct account *account, uint64_t after_ns);

const char *account_verdict_text(enum account_verdict verdict);
