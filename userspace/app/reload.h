/* What changes while it serves: settings on SIGHUP, limits of files also when their directory changes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <poll.h>

#include "app/server.h"
#include "base/field_error.h"

/*
 * Puts limits of files in force, and watches their directory from then on. 0, -errno, or CONF_E_INVALID
 * with *error.
 */
int reload_start(struct server *server, struct field_error *error);
/* Whether SIGHUP means to read anew: there is something to read. */
bool reload_wanted(const struct server *server);
/*
 * What SIGHUP asks for: all sources of settings are read again, and taken over as a whole or not at
 * all; then limits of files. Logs what is in force, what takes a restart, or why nothing changed. The
 * descriptor that is watched may be another afterwards.
 */
void reload_now(struct server *server);

/*
 * How long to wait for `files`, the watched descriptor in a poll: while it is left out (fd -1),
 * changes are being collected.
 */
int reload_wait_ms(const struct server *server, const struct pollfd *files);
/* After a poll: reads limits again a moment after the first change, whether or not more came. */
void reload_heed(struct server *server, struct pollfd *files);
