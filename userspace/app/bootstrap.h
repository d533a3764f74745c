/* The first boot: who may come in, from the environment or made up. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/clock.h"
#include "base/field_error.h"
#include "store/store.h"

/* The first boot cannot be done; *error says why. */
#define BOOTSTRAP_E_REFUSED 1

/*
 * Does nothing when the store holds a tenant. Otherwise takes SLUICE_BOOTSTRAP_KEY,
 * SLUICE_BOOTSTRAP_CHECK_KEY, SLUICE_BOOTSTRAP_EMAIL and SLUICE_BOOTSTRAP_PASSWORD, makes up what
 * is absent, writes all of it to DIR/bootstrap.json (0600) and only then to the store, so that
 * credentials in force are always found in the file. Shows the keys when stderr is a terminal.
 * Hashes a password: takes tens of milliseconds. 0, BOOTSTRAP_E_REFUSED or -errno.
 */
int bootstrap_run(struct store *store, const struct clock *clock, const char *data_dir,
		  struct field_error *error);
