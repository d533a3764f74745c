/* What `sluice serve` says as it begins and as it ends. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/server.h"
#include "base/field_error.h"

/* What is served, in the log, with what about that is dangerous; where it answers, on stdout. */
void announce_start(const struct server *server);
/* That it stops, and why: `signal` by another process, or by the kernel or a terminal (pid 0). */
void announce_stop(int signal, unsigned int pid);
/* How what it holds was saved. */
void announce_end(const struct server *server);
/* Why it could not start: one line on stderr, whatever went wrong. */
void announce_failure(int err, const struct field_error *error);
/* Which interfaces go on being limited without us. */
void announce_left(const struct server *server);
