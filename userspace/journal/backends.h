/* The journals and ledgers there are; only app names one. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/journal.h"
#include "journal/ledger.h"

/* Another process writes it; *error says so. */
#define JOURNAL_E_BUSY 4

/* In memory, for tests. 0 or -ENOMEM. */
int journal_open_memory(struct journal **ret);

/*
 * In the file `state.journal` of the directory, which is locked against other writers as long as
 * the journal is open. 0, JOURNAL_E_BUSY or -errno, each with *error.
 */
int journal_open_file(const char *directory, struct field_error *error, struct journal **ret);

/* The ledger in memory, for tests. 0 or -ENOMEM. */
int ledger_new_memory(struct ledger **ret);
/*
 * In the file `path`, made with mode 0600 if absent. Nothing is touched before ledger_open(). 0 or
 * -ENOMEM.
 */
int ledger_new_file(const char *path, struct ledger **ret);
