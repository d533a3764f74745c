/* Writes what keys consumed into the journal while checks go on. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/saver_priv.h"
#include "service/wake_priv.h"

#define NS_PER_MS 1000000ULL

enum {
	/* After each block, so that checks find their shards and CPUs free. */
	BLOCK_REST_NS = 1000000,
};

void saver_init(struct saver *saver, const struct service_config *config, struct engine *engine,
		struct resets *resets)
{
	saver->engine = engine;
	saver->resets = resets;
	saver->clock = config->clock;
	saver->journal = config->journal;
	saver->state.kept = config->journal != NULL;
	if (config->journal_off)
		snprintf(saver->state.failing, sizeof(saver->state.failing), "%s",
			 config->journal_off);
	pthread_mutex_init(&saver->lock, NULL);
	pthread_cond_init(&saver->wake, NULL);
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

/* True when it is time to stop. */
static bool rest_until(struct saver *saver, uint64_t until_ns)
{
	bool stop;
	int r = 0;

	pthread_mutex_lock(&saver->lock);
	while (!saver->stop && r == 0)
		r = wake_wait(&saver->wake, &saver->lock, until_ns);
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
	size_t len = saver_put_head(saver->block, saver->clock, saver->mark);
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
	uint64_t mark;
	int err;

	/* Where the store cannot tell, the former mark is right as well: more is reset once more. */
	if (!resets_mark(saver->resets, &mark))
		mark = saver->mark;
	saver->mark = mark;
	err = engine_export_new(saver->engine, &export);
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

/* A snapshot that a stop interrupts is made anew by that. */
void saver_save(struct saver *saver, bool hurry)
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
	if (!err)
		resets_forget(saver->resets, saver->mark);
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
		wake_wait(&saver->wake, &saver->lock, next_ns(saver, began_ns));
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
		saver_save(saver, false);
	}
	saver_save(saver, true);
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
