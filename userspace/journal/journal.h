/* This host's snapshot of live state: written whole or not at all, read whole or not at all. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/field_error.h"

/*
 * A snapshot is a stream of chunks that the journal does not look into, with a number, its schema,
 * that says what wrote them. One thread at a time calls; all calls may block on disk.
 */
enum {
	JOURNAL_CHUNK_MAX = 1 << 20, /* bytes, at least 1 */
	JOURNAL_NAME_SIZE = 64,
};

/* Expected outcomes of reading. */
#define JOURNAL_E_NONE    1 /* there is no snapshot */
#define JOURNAL_E_DAMAGED 2 /* it is not what was written */
#define JOURNAL_E_NEWER   3 /* of a schema, or in a form, that this version does not know */

struct journal;

/* Gives up what was begun and not committed. NULL is fine. */
void journal_close(struct journal *journal);

/*
 * Begins the next snapshot; the present one stays until it is committed. Each returns 0 or -errno;
 * after a failure only journal_abandon helps. Whole and on disk when journal_commit returns 0.
 */
int journal_begin(struct journal *journal, uint32_t schema);
int journal_append(struct journal *journal, const void *bytes, size_t len);
int journal_commit(struct journal *journal);
/* Also when nothing was begun. */
void journal_abandon(struct journal *journal);

/* Returns 0 to go on; anything else ends the reading, which returns it. */
typedef int journal_each(const void *bytes, size_t len, void *data);

/*
 * Checks the present snapshot, all of it, and then hands its chunks over in order. 0, what `each`
 * returned, -errno, or JOURNAL_E_*; then *error says why in words.
 */
int journal_read(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
		 struct field_error *error);

/* Puts the present snapshot where nothing overwrites it; ret_name says where. 0 or -errno. */
int journal_set_aside(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE]);
