/* What changes while it serves: settings on SIGHUP, limits of files also when their directory changes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <poll.h>

#include "app/server.h"
#include "base/field_error.h"

enum {
	RELOAD_WATCHES = 2,
};

/*
 * Puts limits of files in force, and watches their directory and the files of the certificate from
 * then on. 0, -errno, or CONF_E_INVALID with *error.
 */
int reload_start(struct server *server, struct field_error *error);
/* Whether SIGHUP means to read anew: there is something to read. */
bool reload_wanted(const struct server *server);
/*
 * What SIGHUP asks for: all sources of settings are read again, and taken over as a whole or not at
 * all; then certificate and limits of files. Logs what is in force, what takes a restart, or why
 * nothing changed.
 */
void reload_now(struct server *server);

/* What to wait for beside signals, and for how long. */
int reload_prepare(const struct server *server, struct pollfd ret[RELOAD_WATCHES]);
/* After that poll: reads again what has changed. */
void reload_heed(struct server *server, const struct pollfd waited[RELOAD_WATCHES]);
