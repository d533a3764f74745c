/* The stores there are; only app names one. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/field_error.h"
#include "db/db.h"
#include "store/store.h"

/* Expected outcome of opening: *error says in words what is wrong with the file and what to do. */
#define STORE_E_REFUSED 16

/* What a file of it is: for whoever looks at one, or copies it, without opening the store. */
extern const struct db_schema store_file_schema;

/* In memory: for tests, and for controllers without a data directory. 0 or -errno. */
int store_open_memory(struct store **ret);

/*
 * In the file `path`, made with mode 0600 if absent; synchronous=FULL, one process at a time (a
 * file `<path>-lock` beside it is locked as long as the store is open, and stays there).
 * 0, STORE_E_REFUSED (in use by another process, corrupt, newer schema, not ours, not writable,
 * disk full) or -errno; either way *error is one sentence that ends in the path. After a failed
 * sync (STORE_E_UNKNOWN) all writes answer STORE_E_READ_ONLY until the store is opened again.
 */
int store_open_sqlite(const char *path, struct field_error *error, struct store **ret);
