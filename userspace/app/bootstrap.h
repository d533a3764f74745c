/* The first boot: who may come in, from the settings or made up. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/clock.h"
#include "base/field_error.h"
#include "conf/conf.h"
#include "store/store.h"

/* The first boot cannot be done; *error says why. */
#define BOOTSTRAP_E_REFUSED 1

/*
 * Does nothing when the store holds a tenant. Otherwise takes the settings bootstrap_*, makes up what
 * is absent, writes all of it to DIR/bootstrap.json (0600) and only then to the store, so that
 * credentials in force are always found in the file. Shows the keys when stderr is a terminal.
 * Hashes a password: takes tens of milliseconds. 0, with whether this was the first boot, or
 * BOOTSTRAP_E_REFUSED or -errno.
 */
int bootstrap_run(struct store *store, const struct clock *clock, const struct settings *settings,
		  struct field_error *error, bool *ret_first);
/*
 * Logs one warning when the settings bootstrap_* hold what a store that has had its first boot does
 * not know: nobody would get in with it. As slow as bootstrap_run(), so not before HTTP answers,
 * and not after a first boot, which has nothing to find: signals wait meanwhile.
 */
void bootstrap_warn(struct store *store, const struct settings *settings);
/* Whether a first boot would take them. random_init() has been called. 0 or BOOTSTRAP_E_REFUSED. */
int bootstrap_check(const struct settings *settings, struct field_error *error);
