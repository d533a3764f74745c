/* Sees to it that notes and usage get into the ledger, in time and again after a failure. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "service/service_priv.h"
#include "service/wake_priv.h"

#define NS_PER_MS 1000000ULL

enum {
	INTERVAL_MS = 10000,
	GATHER_MS = 50, /* after the first note, so that those that follow it share a sync */
	OPEN_WAIT_MS = 2000,
	RETRY_FIRST_MS = 1000,
	RETRY_MOST_MS = 60000, /* a damaged ledger is read whole with each try */
	PRUNE_STEP = 500,
	PRUNE_STEPS = 20, /* in one interval */
	AUDIT_KEEP_DAYS = 90,
	USAGE_KEEP_DAYS = 400,
	DAY_MS = 86400000,
};

void scribe_init(struct scribe *scribe, const struct service_config *config,
		 struct service *service)
{
	scribe->service = service;
	scribe->ledger = config->ledger;
	scribe->state.kept = config->ledger != NULL;
	if (config->ledger)
		snprintf(scribe->state.failing, sizeof(scribe->state.failing),
			 "the ledger is being opened");
	pthread_mutex_init(&scribe->work, NULL);
	pthread_mutex_init(&scribe->lock, NULL);
	pthread_cond_init(&scribe->wake, NULL);
	pthread_cond_init(&scribe->opened, NULL);
	scribe_set_interval(scribe, config->snapshot_interval_ms);
	scribe_set_keep(scribe, config->audit_keep_ms, config->usage_keep_ms);
}

void scribe_done(struct scribe *scribe)
{
	scribe_free_usage(scribe);
	pthread_cond_destroy(&scribe->opened);
	pthread_cond_destroy(&scribe->wake);
	pthread_mutex_destroy(&scribe->lock);
	pthread_mutex_destroy(&scribe->work);
}

void scribe_set_interval(struct scribe *scribe, uint32_t interval_ms)
{
	atomic_store(&scribe->interval_ns, (interval_ms ? interval_ms : INTERVAL_MS) * NS_PER_MS);
}

void scribe_set_keep(struct scribe *scribe, uint64_t audit_ms, uint64_t usage_ms)
{
	atomic_store(&scribe->audit_keep_ms,
		     audit_ms ? audit_ms : AUDIT_KEEP_DAYS * (uint64_t)DAY_MS);
	atomic_store(&scribe->usage_keep_ms,
		     usage_ms ? usage_ms : USAGE_KEEP_DAYS * (uint64_t)DAY_MS);
}

/* Notes. */

bool scribe_takes_notes(const struct scribe *scribe)
{
	return scribe->ledger && atomic_load(&scribe->waiting) < SCRIBE_NOTES_MAX;
}

void scribe_make_id(struct scribe *scribe, uint64_t utc_ms, char id[ID_SIZE])
{
	char *last = scribe->last_id;

	id_make("aud", utc_ms, id);
	pthread_mutex_lock(&scribe->lock);
	if (strcmp(id, last) <= 0) {
		id_next(last);
		memcpy(id, last, ID_SIZE);
	} else {
		memcpy(last, id, ID_SIZE);
	}
	pthread_mutex_unlock(&scribe->lock);
}

void scribe_tell(struct scribe *scribe, size_t notes, size_t unnoted)
{
	if (!scribe->ledger)
		return;
	atomic_fetch_add(&scribe->lost, unnoted);
	if (notes == 0)
		return;
	atomic_fetch_add(&scribe->waiting, (long)notes);
	pthread_mutex_lock(&scribe->lock);
	scribe->told = true;
	pthread_cond_signal(&scribe->wake);
	pthread_mutex_unlock(&scribe->lock);
}

/* State. */

bool scribe_is_ready(struct scribe *scribe, struct field_error *error)
{
	uint64_t until_ns = monotonic_ns() + OPEN_WAIT_MS * NS_PER_MS;
	bool ready;
	int r = 0;

	pthread_mutex_lock(&scribe->lock);
	while (scribe->running && !scribe->state.opened && r == 0)
		r = wake_wait(&scribe->opened, &scribe->lock, until_ns);
	ready = scribe->ready;
	if (!ready)
		field_error_set(error, "", "%s",
				scribe->ledger ? scribe->state.failing : "there is no ledger");
	pthread_mutex_unlock(&scribe->lock);
	return ready;
}

void scribe_state(struct scribe *scribe, struct service_ledger *ret)
{
	long waiting = atomic_load(&scribe->waiting);

	pthread_mutex_lock(&scribe->lock);
	*ret = scribe->state;
	pthread_mutex_unlock(&scribe->lock);
	ret->waiting = waiting > 0 ? (uint64_t)waiting : 0;
	ret->lost = atomic_load(&scribe->lost);
}

static void note_result(struct scribe *scribe, int r, const struct field_error *error)
{
	struct service_ledger *state = &scribe->state;

	pthread_mutex_lock(&scribe->lock);
	scribe->ready = !r || r == LEDGER_E_REFUSED;
	state->opened = true;
	pthread_cond_broadcast(&scribe->opened);
	if (!r)
		state->failing[0] = '\0';
	else
		snprintf(state->failing, sizeof(state->failing), "the ledger is not written: %s",
			 *error->message ? error->message : strerror(r < 0 ? -r : EIO));
	pthread_mutex_unlock(&scribe->lock);
}

static void note_aside(struct scribe *scribe, const struct field_error *aside)
{
	if (!*aside->message)
		return;
	pthread_mutex_lock(&scribe->lock);
	snprintf(scribe->state.aside, sizeof(scribe->state.aside), "%s", aside->message);
	pthread_mutex_unlock(&scribe->lock);
}

/* Carrying. */

int scribe_catch_up(struct scribe *scribe, struct field_error *error)
{
	struct field_error second = {.field = ""};
	int r, r2;

	pthread_mutex_lock(&scribe->work);
	r = scribe_carry_notes(scribe, error);
	r2 = scribe_carry_usage(scribe, &second);
	pthread_mutex_unlock(&scribe->work);
	if (r)
		return r;
	*error = second;
	return r2;
}

/* Not holding `work`: a large ledger takes its time, and what is asked of it meanwhile is refused. */
static int open_ledger(struct scribe *scribe, struct field_error *error)
{
	struct field_error aside;
	int r = ledger_open(scribe->ledger, error, &aside);

	note_aside(scribe, &aside);
	return r;
}

static bool time_to_stop(struct scribe *scribe)
{
	bool stop;

	pthread_mutex_lock(&scribe->lock);
	stop = scribe->stop;
	pthread_mutex_unlock(&scribe->lock);
	return stop;
}

static int prune(struct scribe *scribe, struct field_error *error)
{
	uint64_t now_ms = clock_utc_ms(scribe->service->clock);
	uint64_t audit_ms = atomic_load(&scribe->audit_keep_ms);
	uint64_t usage_ms = atomic_load(&scribe->usage_keep_ms);
	size_t n = 1;
	int r = 0;

	audit_ms = now_ms > audit_ms ? now_ms - audit_ms : 0;
	usage_ms = now_ms > usage_ms ? now_ms - usage_ms : 0;
	for (int i = 0; i < PRUNE_STEPS && n > 0 && !r && !time_to_stop(scribe); i++)
		r = ledger_prune(scribe->ledger, audit_ms, usage_ms, PRUNE_STEP, error, &n);
	return r;
}

/* Nothing can be added, but what is asked in one hour must not be counted into another later on. */
static void keep_hours_apart(struct scribe *scribe)
{
	struct field_error ignored;

	pthread_mutex_lock(&scribe->work);
	(void)scribe_carry_usage(scribe, &ignored);
	pthread_mutex_unlock(&scribe->work);
}

static int work(struct scribe *scribe)
{
	struct field_error error = {.field = ""};
	int r = open_ledger(scribe, &error);

	if (r)
		keep_hours_apart(scribe);
	else
		r = scribe_catch_up(scribe, &error);
	if (!r)
		r = prune(scribe, &error);
	note_result(scribe, r, &error);
	return r;
}

/* So that what was asked in an hour is counted into it. */
static uint64_t hour_left_ns(const struct scribe *scribe)
{
	uint64_t now_ms = clock_utc_ms(scribe->service->clock);

	return (LEDGER_HOUR_MS - now_ms % LEDGER_HOUR_MS) * NS_PER_MS;
}

static uint64_t rest_ns(const struct scribe *scribe, uint64_t retry_ms)
{
	uint64_t rest = retry_ms ? retry_ms * NS_PER_MS : atomic_load(&scribe->interval_ns);
	uint64_t left = hour_left_ns(scribe);

	return rest < left ? rest : left;
}

static void wait_until(struct scribe *scribe, uint64_t until_ns, bool heed_notes)
{
	int r = 0;

	while (!scribe->stop && !(heed_notes && scribe->told) && r == 0)
		r = wake_wait(&scribe->wake, &scribe->lock, until_ns);
}

/* Until there is something to do; true when it is time to stop. After a failure notes must wait. */
static bool rest(struct scribe *scribe, uint64_t retry_ms)
{
	uint64_t now_ns = monotonic_ns();
	bool stop;

	pthread_mutex_lock(&scribe->lock);
	wait_until(scribe, now_ns + rest_ns(scribe, retry_ms), !retry_ms);
	if (scribe->told && !retry_ms)
		wait_until(scribe, monotonic_ns() + GATHER_MS * NS_PER_MS, false);
	scribe->told = false;
	stop = scribe->stop;
	pthread_mutex_unlock(&scribe->lock);
	return stop;
}

static uint64_t next_retry_ms(uint64_t before_ms)
{
	if (!before_ms)
		return RETRY_FIRST_MS;
	return 2 * before_ms < RETRY_MOST_MS ? 2 * before_ms : RETRY_MOST_MS;
}

static void *run_scribe(void *data)
{
	struct scribe *scribe = data;
	uint64_t retry_ms = 0;
	bool stop = false;

	while (!stop) {
		retry_ms = work(scribe) ? next_retry_ms(retry_ms) : 0;
		stop = rest(scribe, retry_ms);
	}
	work(scribe);
	return NULL;
}

int scribe_start(struct scribe *scribe)
{
	uint64_t now_ms = clock_utc_ms(scribe->service->clock);
	long waiting;
	int err;

	if (!scribe->ledger)
		return 0;
	err = scribe_count_notes(scribe, &waiting);
	if (err)
		return err;
	atomic_store(&scribe->waiting, waiting);
	id_make("run", now_ms, scribe->run);
	scribe->hour_ms = now_ms - now_ms % LEDGER_HOUR_MS;
	err = pthread_create(&scribe->thread, NULL, run_scribe, scribe);
	if (err)
		return -err;
	pthread_setname_np(scribe->thread, "scribe");
	scribe->running = true;
	return 0;
}

void scribe_stop(struct scribe *scribe)
{
	if (!scribe->running)
		return;
	pthread_mutex_lock(&scribe->lock);
	scribe->stop = true;
	pthread_cond_signal(&scribe->wake);
	pthread_mutex_unlock(&scribe->lock);
	pthread_join(scribe->thread, NULL);
	scribe->running = false;
}
