/* Writes what keys consumed into the journal while checks go on, and takes it over at the start. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service/saver_priv.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

enum {
	/* After each block, so that checks find their shards and CPUs free. */
	BLOCK_REST_NS = 1000000,
};

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void saver_init(struct saver *saver, const struct service_config *config, struct engine *engine)
{
	pthread_condattr_t monotonic;

	saver->engine = engine;
	saver->clock = config->clock;
	saver->journal = config->journal;
	saver->state.kept = config->journal != NULL;
	if (config->journal_off)
		snprintf(saver->state.failing, sizeof(saver->state.failing), "%s",
			 config->journal_off);
	pthread_mutex_init(&saver->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&saver->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	saver_set_interval(saver, config->snapshot_interval_ms);
}

void saver_set_interval(struct saver *saver, uint32_t interval_ms)
{
	pthread_mutex_lock(&saver->lock);
	saver->interval_ns = (interval_ms ? interval_ms : SAVER_INTERVAL_MS) * NS_PER_MS;
	pthread_cond_signal(&saver->wake);
	pthread_mutex_unlock(&saver->lock);
}

void saver_done(struct saver *saver)
{
	pthread_cond_destroy(&saver->wake);
	pthread_mutex_destroy(&saver->lock);
}

void saver_state(struct saver *saver, struct service_snapshots *ret)
{
	pthread_mutex_lock(&saver->lock);
	*ret = saver->state;
	pthread_mutex_unlock(&saver->lock);
}

/* Taking over. */

struct restore {
	struct saver *saver;
	struct engine_import *import; /* NULL: the head comes first */
};

static int take_chunk(const void *bytes, size_t len, void *data)
{
	struct restore *restore = data;
	const struct saver *saver = restore->saver;
	uint64_t then_ns;
	int r;

	if (restore->import) {
		r = engine_import_block(restore->import, bytes, len);
		return r == ENGINE_E_STATE ? JOURNAL_E_DAMAGED : r;
	}
	r = saver_get_head(bytes, len, saver->clock, &then_ns);
	if (r)
		return r;
	return engine_import_new(saver->engine, clock_now_ns(saver->clock), then_ns,
				 &restore->import);
}

/* What cannot be taken over must not be overwritten either: somebody may want to look at it. */
static void put_aside(struct saver *saver, const char *why)
{
	struct service_snapshots *state = &saver->state;
	char name[JOURNAL_NAME_SIZE];
	int err = journal_set_aside(saver->journal, name);

	if (err)
		snprintf(
			state->lost, sizeof(state->lost),
			"the snapshot was not taken over: %.250s; it cannot be renamed (%s), so that "
			"none is written",
			why, strerror(-err));
	else
		snprintf(state->lost, sizeof(state->lost),
			 "the snapshot was not taken over: %.250s; it is kept as %s", why, name);
	saver->blocked = err != 0;
}

void saver_restore(struct saver *saver)
{
	struct restore restore = {.saver = saver};
	struct field_error error = {.field = ""};
	struct engine_imported taken = {0};
	int r;

	if (!saver->journal)
		return;
	r = journal_read(saver->journal, SAVER_SCHEMA, take_chunk, &restore, &error);
	if (restore.import)
		engine_import_result(restore.import, &taken);
	engine_import_free(restore.import);
	saver->state.keys = taken.keys;
	saver->saved_changes = engine_changes(saver->engine);
	saver->saved = r == 0 || r == JOURNAL_E_NONE;
	if (!saver->saved)
		put_aside(saver, error.message);
}

/* Writing. */

static int wait_until(struct saver *saver, uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	return pthread_cond_timedwait(&saver->wake, &saver->lock, &until);
}

/* True when it is time to stop. */
static bool rest_until(struct saver *saver, uint64_t until_ns)
{
	bool stop;
	int r = 0;

	pthread_mutex_lock(&saver->lock);
	while (!saver->stop && r == 0)
		r = wait_until(saver, until_ns);
	stop = saver->stop;
	pthread_mutex_unlock(&saver->lock);
	return stop;
}

/* Rests for a moment, but no more once that takes too long; -EINTR when it is time to stop. */
static int pace(struct saver *saver, uint64_t began_ns)
{
	uint64_t now_ns = monotonic_ns();

	if (now_ns - began_ns > saver->interval_ns / 4)
		return rest_until(saver, now_ns) ? -EINTR : 0;
	return rest_until(saver, now_ns + BLOCK_REST_NS) ? -EINTR : 0;
}

static int write_blocks(struct saver *saver, struct engine_export *export, bool hurry)
{
	uint64_t began_ns = monotonic_ns();
	size_t len = saver_put_head(saver->block, saver->clock);
	int err = 0;

	while (!err && len > 0) {
		err = journal_append(saver->journal, saver->block, len);
		if (!err && !hurry)
			err = pace(saver, began_ns);
		if (!err)
			err = engine_export_step(export, clock_now_ns(saver->clock), saver->block,
						 sizeof(saver->block), &len);
	}
	return err;
}

static int write_snapshot(struct saver *saver, bool hurry)
{
	struct engine_export *export;
	int err = engine_export_new(saver->engine, &export);

	if (err)
		return err;
	err = journal_begin(saver->journal, SAVER_SCHEMA);
	if (!err)
		err = write_blocks(saver, export, hurry);
	if (!err)
		err = journal_commit(saver->journal);
	if (err)
		journal_abandon(saver->journal);
	engine_export_free(export);
	return err;
}

static void note_written(struct saver *saver, int err)
{
	struct service_snapshots *state = &saver->state;

	pthread_mutex_lock(&saver->lock);
	if (err)
		snprintf(state->failing, sizeof(state->failing), "snapshots cannot be written: %s",
			 strerror(-err));
	else
		state->failing[0] = '\0';
	state->written += !err;
	pthread_mutex_unlock(&saver->lock);
}

/* Only if there is something new; a snapshot that a stop interrupts is made anew by that. */
static void save(struct saver *saver, bool hurry)
{
	uint64_t changes = engine_changes(saver->engine), began_ns = monotonic_ns();
	int err;

	if (saver->blocked || (saver->saved && changes == saver->saved_changes))
		return;
	err = write_snapshot(saver, hurry);
	saver->took_ns = monotonic_ns() - began_ns;
	if (err == -EINTR)
		return;
	note_written(saver, err);
	saver->saved = err == 0;
	saver->saved_changes = changes;
}

/* So early that it ends before the interval does: a kill loses no more than one. */
static uint64_t next_ns(const struct saver *saver, uint64_t began_ns)
{
	uint64_t early_ns = saver->took_ns + saver->took_ns / 4, most_ns = saver->interval_ns / 2;

	return began_ns + saver->interval_ns - (early_ns < most_ns ? early_ns : most_ns);
}

/* Until the next snapshot is due, which another interval moves. True when it is time to stop. */
static bool rest_interval(struct saver *saver, uint64_t began_ns)
{
	bool stop;

	pthread_mutex_lock(&saver->lock);
	while (!saver->stop && monotonic_ns() < next_ns(saver, began_ns))
		wait_until(saver, next_ns(saver, began_ns));
	stop = saver->stop;
	pthread_mutex_unlock(&saver->lock);
	return stop;
}

static void *run_saver(void *data)
{
	struct saver *saver = data;
	uint64_t began_ns = monotonic_ns();

	while (!rest_interval(saver, began_ns)) {
		began_ns = monotonic_ns();
		save(saver, false);
	}
	save(saver, true);
	return NULL;
}

int saver_start(struct saver *saver)
{
	int err;

	if (!saver->journal)
		return 0;
	err = pthread_create(&saver->thread, NULL, run_saver, saver);
	if (err)
		return -err;
	pthread_setname_np(saver->thread, "saver");
	saver->running = true;
	return 0;
}

void saver_stop(struct saver *saver)
{
	if (!saver->running)
		return;
	pthread_mutex_lock(&saver->lock);
	saver->stop = true;
	pthread_cond_signal(&saver->wake);
	pthread_mutex_unlock(&saver->lock);
	pthread_join(saver->thread, NULL);
	saver->running = false;
}
