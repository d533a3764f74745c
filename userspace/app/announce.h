/* What `sluice serve` says as it begins and as it ends. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/server.h"
#include "base/field_error.h"

/* Where it answers, on stdout; what about that is dangerous, in the log. */
void announce_start(const struct server *server);
/* Why it could not start: one line on stderr, whatever went wrong. */
void announce_failure(int err, const struct field_error *error);
/* Which interfaces go on being limited without us. */
void announce_left(const struct server *server);
