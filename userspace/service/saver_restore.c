/* Takes what keys consumed over from the journal, and the resets that came after it from the store. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "service/saver_priv.h"

struct restore {
	struct saver *saver;
	struct engine_import *import; /* NULL: the head comes first */
};

static int take_chunk(const void *bytes, size_t len, void *data)
{
	struct restore *restore = data;
	struct saver *saver = restore->saver;
	struct saver_head head;
	int r;

	if (restore->import) {
		r = engine_import_block(restore->import, bytes, len);
		return r == ENGINE_E_STATE ? JOURNAL_E_DAMAGED : r;
	}
	r = saver_get_head(bytes, len, saver->clock, &head);
	if (r)
		return r;
	saver->mark = head.mark;
	return engine_import_new(saver->engine, clock_now_ns(saver->clock), head.then_ns,
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

/*
 * A mark beyond the store's revisions is of another store, newer than this one, which was put back from
 * a backup: it says nothing here. Before revisions come to it, a snapshot of this store is needed.
 */
static void restore_resets(struct saver *saver)
{
	uint64_t present = saver->mark;
	bool foreign;
	int err;

	resets_mark(saver->resets, &present);
	foreign = saver->mark > present;
	err = resets_restore(saver->resets, foreign ? 0 : saver->mark);
	if (err)
		snprintf(saver->state.lost, sizeof(saver->state.lost),
			 "resets since the last snapshot are not in force: the store cannot be "
			 "read (%s)",
			 strerror(-err));
	if (foreign) {
		saver->saved = false;
		saver_save(saver, true);
	}
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
	restore_resets(saver);
}
