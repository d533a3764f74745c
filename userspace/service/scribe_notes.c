/* Carries notes from the store into the ledger, some at a time. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/audit_priv.h"
#include "service/service_priv.h"

enum {
	STEP = 100,                   /* notes of one transaction */
	STEP_BYTES = 4 * 1024 * 1024, /* about; a note has 64 KiB at most */
};

_Static_assert((int)STEP <= (int)STORE_OPERATIONS_MAX, "each is deleted");

struct step {
	struct audit_loaded notes[STEP];
	size_t n;
	size_t bytes;
};

/* One that cannot be read is left where it is, for the version that can. */
static int take_note(const struct store_record *record, void *data)
{
	struct step *step = data;
	int r;

	if (step->n == STEP || step->bytes > STEP_BYTES)
		return 1;
	r = audit_load(record, &step->notes[step->n]);
	if (r)
		return r < 0 ? r : 0;
	step->n++;
	step->bytes += record->size;
	return 0;
}

static void empty_step(struct step *step)
{
	for (size_t i = 0; i < step->n; i++)
		audit_unload(&step->notes[i]);
	free(step);
}

static void free_step(struct step **step)
{
	if (*step)
		empty_step(*step);
}

static int add_to_ledger(struct scribe *scribe, const struct step *step, struct field_error *error)
{
	struct ledger_entry entries[STEP];

	for (size_t i = 0; i < step->n; i++)
		entries[i] = step->notes[i].entry;
	return ledger_add_entries(scribe->ledger, entries, step->n, error);
}

static int remove_from_store(struct scribe *scribe, const struct step *step,
			     struct field_error *error)
{
	char names[STEP][sizeof(AUDIT_ROOT) + ID_SIZE];
	const char *deletes[STEP];
	struct store_txn txn = {.deletes = deletes, .n_deletes = step->n};
	uint64_t revision;
	int r;

	for (size_t i = 0; i < step->n; i++) {
		snprintf(names[i], sizeof(names[i]), AUDIT_ROOT "%s", step->notes[i].id);
		deletes[i] = names[i];
	}
	r = store_txn(scribe->service->store, &txn, &revision);
	if (r)
		field_error_set(error, "", "the store takes no writes now");
	return r < 0 ? r : r ? -EIO : 0;
}

static int carry_step(struct scribe *scribe, struct field_error *error, size_t *ret_n)
{
	_cleanup_(free_step) struct step *step = calloc(1, sizeof(*step));
	uint64_t revision;
	int r;

	*ret_n = 0;
	if (!step)
		return -ENOMEM;
	r = store_range(scribe->service->store, AUDIT_ROOT, take_note, step, &revision);
	if (r < 0) {
		field_error_set(error, "", "the store cannot be read");
		return r;
	}
	if (step->n == 0)
		return 0;
	r = add_to_ledger(scribe, step, error);
	if (!r)
		r = remove_from_store(scribe, step, error);
	if (!r)
		*ret_n = step->n;
	return r;
}

int scribe_carry_notes(struct scribe *scribe, struct field_error *error)
{
	size_t n;
	int r;

	do {
		r = carry_step(scribe, error, &n);
		atomic_fetch_sub(&scribe->waiting, (long)n);
		pthread_mutex_lock(&scribe->lock);
		scribe->state.written += n;
		pthread_mutex_unlock(&scribe->lock);
	} while (!r && n > 0);
	return r;
}

static int count_note(const struct store_record *record, void *data)
{
	(void)record;
	++*(long *)data;
	return 0;
}

int scribe_count_notes(struct scribe *scribe, long *ret)
{
	uint64_t revision;

	*ret = 0;
	return store_range(scribe->service->store, AUDIT_ROOT, count_note, ret, &revision);
}
