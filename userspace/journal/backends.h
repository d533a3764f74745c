/* The journals and ledgers there are; only app names one. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "db/db.h"
#include "journal/journal.h"
#include "journal/ledger.h"

/* Another process writes it; *error says so. */
#define JOURNAL_E_BUSY 4

/*
 * Whether the open file holds a whole snapshot, wherever it lies; reads it from its beginning.
 * 0 with the number of its schema, JOURNAL_E_DAMAGED, JOURNAL_E_NEWER (a form unknown here) or -errno,
 * each with *error.
 */
int journal_check_file(int fd, uint32_t *ret_schema, struct field_error *error);

/* In memory, for tests. 0 or -ENOMEM. */
int journal_open_memory(struct journal **ret);

/*
 * In the file `state.journal` of the directory, which is locked against other writers as long as
 * the journal is open. 0, JOURNAL_E_BUSY or -errno, each with *error.
 */
int journal_open_file(const char *directory, struct field_error *error, struct journal **ret);

/* What a ledger's file is: for whoever looks at one, or copies it, without opening the ledger. */
extern const struct db_schema ledger_file_schema;
/* The ledger in memory, for tests. 0 or -ENOMEM. */
int ledger_new_memory(struct ledger **ret);
/*
 * In the file `path`, made with mode 0600 if absent. Nothing is touched before ledger_open(). 0 or
 * -ENOMEM.
 */
int ledger_new_file(const char *path, struct ledger **ret);
