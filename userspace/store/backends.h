/* The stores there are; only app names one. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/field_error.h"
#include "store/store.h"

/* Expected outcome of opening: *error says in words what is wrong with the file and what to do. */
#define STORE_E_REFUSED 16

/* In memory: for tests, and for controllers without a data directory. */
int store_open_memory(struct store **ret);

/*
 * In the file `path`, made with mode 0600 if absent; synchronous=FULL, one process at a time.
 * 0, STORE_E_REFUSED (in use by another process, corrupt, newer schema, not ours) or -errno.
 */
int store_open_sqlite(const char *path, struct field_error *error, struct store **ret);
