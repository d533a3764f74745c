/* What a server let one key consume, as seen from outside, held against what its limits allow. */
/* SPDX-License-Identifier: MIT */
#include "soak/account.h"

enum {
	ROUNDING_NS = 1000,
	/* Who says when a window ends: the server's UTC and ours may be so far apart. */
	WINDOW_EDGE_NS = 100000000,
	/* A request whose connection broke may be worked on for so long. */
	LINGER_NS = 100000000,
};

void account_init(struct account *account, const struct account_limit *limit)
{
	account->limit = limit;
	account->full_least_ns = account->full_most_ns = 0;
	account->n = 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t count_kept(const struct account *account)
{
	return account->n < ACCOUNT_EVENTS ? account->n : ACCOUNT_EVENTS;
}

/* Whether the whole of it lies in one window, which is *ret then. */
static bool find_window(const struct account *account, const struct account_event *event,
			uint64_t utc_ns, uint64_t *ret)
{
	uint64_t window_ns = account->limit->window_ns;

	*ret = (event->sent_ns + utc_ns - WINDOW_EDGE_NS) / window_ns;
	return *ret == (event->answered_ns + utc_ns + WINDOW_EDGE_NS) / window_ns;
}

static bool over_window(const struct account *account, const struct account_event *last,
			uint64_t utc_ns)
{
	uint64_t window, other, sum = last->cost;

	if (!account->limit->window_ns || !find_window(account, last, utc_ns, &window))
		return false;
	for (uint32_t i = 0; i < count_kept(account); i++)
		if (find_window(account, &account->events[i], utc_ns, &other) && other == window)
			sum += account->events[i].cost;
	return sum > account->limit->window_limit;
}

enum account_verdict account_allowed(struct account *account, uint64_t sent_ns,
				     uint64_t answered_ns, uint64_t utc_ns, uint64_t cost)
{
	const struct account_limit *limit = account->limit;
	struct account_event event = {sent_ns, answered_ns, cost, account->full_least_ns};
	uint64_t taken_ns = cost * limit->period_ns;
	bool over = over_window(account, &event, utc_ns);

	account->events[account->n++ % ACCOUNT_EVENTS] = event;
	account->full_least_ns = later(account->full_least_ns, sent_ns) + taken_ns;
	account->full_most_ns = later(account->full_most_ns, answered_ns) + taken_ns;
	if (account->full_least_ns > answered_ns + limit->burst * limit->period_ns + ROUNDING_NS)
		return ACCOUNT_OVER_BUCKET;
	return over ? ACCOUNT_OVER_WINDOW : ACCOUNT_FINE;
}

enum account_verdict account_refused(const struct account *account, uint64_t sent_ns, uint64_t cost)
{
	const struct account_limit *limit = account->limit;
	uint64_t full_ns = later(account->full_most_ns, sent_ns) + cost * limit->period_ns;

	if (limit->judge_refusals &&
	    full_ns + ROUNDING_NS < sent_ns + limit->burst * limit->period_ns)
		return ACCOUNT_REFUSED_ROOM;
	return ACCOUNT_FINE;
}

void account_unanswered(struct account *account, uint64_t noticed_ns, uint64_t cost)
{
	account->full_most_ns = later(account->full_most_ns, noticed_ns + LINGER_NS) +
				cost * account->limit->period_ns;
}

void account_forget(struct account *account, uint64_t after_ns)
{
	uint32_t kept = count_kept(account);

	while (kept--) {
		struct account_event *last = &account->events[(account->n - 1) % ACCOUNT_EVENTS];

		if (last->answered_ns <= after_ns)
			return;
		account->full_least_ns = last->former_ns;
		/* Its place still counts as one of the latest. */
		*last = (struct account_event){0};
		account->n--;
	}
}

const char *account_verdict_text(enum account_verdict verdict)
{
	switch (verdict) {
	case ACCOUNT_OVER_BUCKET:
		return "allowed more than burst + rate x time";
	case ACCOUNT_OVER_WINDOW:
		return "allowed more than the limit of its window";
	case ACCOUNT_REFUSED_ROOM:
		return "refused though there was room";
	default:
		return "fine";
	}
}
