/* Lets callers of the ledger take turns, hands them to the backend, and groups hours into periods. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "journal/ledger_priv.h"

/* A backend's call was ended by the visitor. */
#define VISIT_ENDED 100

void ledger_init(struct ledger *ledger, const struct ledger_ops *ops)
{
	ledger->ops = ops;
	ledger->open = false;
	pthread_mutex_init(&ledger->lock, NULL);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum > INT64_MAX ? INT64_MAX : sum;
}

void ledger_add_sums(struct ledger_usage *to, const struct ledger_usage *more)
{
	to->allowed = add(to->allowed, more->allowed);
	to->denied = add(to->denied, more->denied);
	to->tokens = add(to->tokens, more->tokens);
	to->refunded = add(to->refunded, more->refunded);
}

int ledger_open(struct ledger *ledger, struct field_error *error, struct field_error *aside)
{
	int r = 0;

	aside->message[0] = '\0';
	pthread_mutex_lock(&ledger->lock);
	if (!ledger->open)
		r = ledger->ops->open(ledger, error, aside);
	if (r == 0)
		ledger->open = true;
	pthread_mutex_unlock(&ledger->lock);
	return r;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->open)
		ledger->ops->close(ledger);
	pthread_mutex_destroy(&ledger->lock);
	ledger->ops->free(ledger);
}

/* 0 holding the lock. */
static int enter(struct ledger *ledger, struct field_error *error)
{
	pthread_mutex_lock(&ledger->lock);
	if (ledger->open)
		return 0;
	pthread_mutex_unlock(&ledger->lock);
	field_error_set(error, "", "the ledger is not open");
	return LEDGER_E_CLOSED;
}

/*
 * What a file cannot be relied on after is closed: a damaged one is put aside when it is opened
 * again, and after a failed sync only opening shows what is there.
 */
static int leave(struct ledger *ledger, int r)
{
	if (r == LEDGER_E_DAMAGED || r == -EIO) {
		ledger->ops->close(ledger);
		ledger->open = false;
	}
	pthread_mutex_unlock(&ledger->lock);
	return r;
}

int ledger_add_entries(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
		       struct field_error *error)
{
	int r;

	for (size_t i = 0; i < n; i++)
		assert(strncmp(entries[i].id, "aud_", 4) == 0 && entries[i].change_len > 0 &&
		       entries[i].change_len <= LEDGER_CHANGE_MAX);
	r = enter(ledger, error);
	return r ? r : leave(ledger, ledger->ops->add_entries(ledger, entries, n, error));
}

struct entry_visit {
	ledger_entry_fn *visit;
	void *data;
};

static int visit_entry(const struct ledger_entry *entry, void *data)
{
	struct entry_visit *visit = data;

	return visit->visit(entry, visit->data) ? VISIT_ENDED : 0;
}

int ledger_each_entry(struct ledger *ledger, const struct ledger_search *search,
		      ledger_entry_fn *visit, void *data, struct field_error *error)
{
	struct entry_visit entries = {visit, data};
	int r = enter(ledger, error);

	if (r)
		return r;
	r = leave(ledger, ledger->ops->each_entry(ledger, search, visit_entry, &entries, error));
	return r == VISIT_ENDED ? 0 : r;
}

int ledger_add_usage(struct ledger *ledger, const struct ledger_addition *addition,
		     struct field_error *error)
{
	int r;

	assert(addition->number > 0 && strlen(addition->run) < 32);
	for (size_t i = 0; i < addition->n; i++)
		assert(addition->rows[i].start_ms % LEDGER_HOUR_MS == 0);
	r = enter(ledger, error);
	return r ? r : leave(ledger, ledger->ops->add_usage(ledger, addition, error));
}

/* The period under way while hours come in. */
struct periods {
	uint64_t period_ms;
	struct ledger_usage now;
	bool any;
	ledger_usage_fn *visit;
	void *data;
};

static int end_period(struct periods *periods)
{
	bool any = periods->any;

	periods->any = false;
	return any && periods->visit(&periods->now, periods->data) ? VISIT_ENDED : 0;
}

static int visit_hour(uint64_t hour, const struct ledger_usage *usage, void *data)
{
	struct periods *periods = data;
	struct ledger_usage *now = &periods->now;
	uint64_t start_ms = hour * LEDGER_HOUR_MS;
	int r = 0;

	start_ms -= start_ms % periods->period_ms;
	if (periods->any && now->start_ms != start_ms)
		r = end_period(periods);
	if (!periods->any)
		*now = (struct ledger_usage){.tenant = now->tenant, .start_ms = start_ms};
	periods->any = true;
	ledger_add_sums(now, usage);
	return r;
}

/* The first multiple of `unit` at or after ms. */
static uint64_t round_up(uint64_t ms, uint64_t unit)
{
	uint64_t over = ms % unit;

	return over ? add(ms, unit - over) : ms;
}

int ledger_each_usage(struct ledger *ledger, const struct ledger_span *span, ledger_usage_fn *visit,
		      void *data, struct field_error *error)
{
	struct periods periods = {.period_ms = span->period_ms,
				  .now = {.tenant = span->tenant},
				  .visit = visit,
				  .data = data};
	struct ledger_span whole = *span;
	int r;

	assert(span->period_ms > 0 && span->period_ms % LEDGER_HOUR_MS == 0);
	/* The last period that begins in the span is counted to its end. */
	whole.from_ms = round_up(span->from_ms, span->period_ms);
	whole.to_ms = round_up(span->to_ms, span->period_ms);
	r = enter(ledger, error);
	if (r)
		return r;
	r = ledger->ops->each_hour(ledger, &whole, visit_hour, &periods, error);
	if (r == 0)
		r = end_period(&periods);
	r = leave(ledger, r);
	return r == VISIT_ENDED ? 0 : r;
}

int ledger_prune(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		 struct field_error *error, size_t *ret_n)
{
	int r = enter(ledger, error);

	return r ? r :
		   leave(ledger,
			 ledger->ops->prune(ledger, audit_ms, usage_ms, most, error, ret_n));
}
