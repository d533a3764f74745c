/* Sees to it that calls come in order and hands them to the backend. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>

#include "journal/journal_priv.h"

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	journal_abandon(journal);
	journal->ops->close(journal);
}

static int note(struct journal *journal, int err)
{
	if (err)
		journal->failed = true;
	return err;
}

int journal_begin(struct journal *journal, uint32_t schema)
{
	assert(!journal->begun);
	journal->begun = true;
	journal->failed = false;
	return note(journal, journal->ops->begin(journal, schema));
}

int journal_append(struct journal *journal, const void *bytes, size_t len)
{
	assert(journal->begun && len > 0 && len <= JOURNAL_CHUNK_MAX);
	if (journal->failed)
		return -EIO;
	return note(journal, journal->ops->append(journal, bytes, len));
}

int journal_commit(struct journal *journal)
{
	int err;

	assert(journal->begun);
	if (journal->failed)
		return -EIO;
	err = note(journal, journal->ops->commit(journal));
	if (!err)
		journal->begun = false;
	return err;
}

void journal_abandon(struct journal *journal)
{
	if (journal->begun)
		journal->ops->abandon(journal);
	journal->begun = false;
}

int journal_read(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
		 struct field_error *error)
{
	return journal->ops->read(journal, schema_max, each, data, error);
}

int journal_set_aside(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE])
{
	return journal->ops->set_aside(journal, ret_name);
}

int journal_refuse_newer(struct field_error *error, uint32_t schema, uint32_t schema_max)
{
	field_error_set(error, "snapshot",
			"it was written by a newer version (schema %u; this one knows up to %u)",
			schema, schema_max);
	return JOURNAL_E_NEWER;
}
