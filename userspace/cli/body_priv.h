/* The body of a limit or API key, from what was typed. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/options_priv.h"
#include "json/copy.h"

/* Whether any option with a member was given, or one of a limit's match. */
bool cli_body_has(const struct cli_arguments *arguments);
bool cli_body_has_match(const struct cli_arguments *arguments);

/*
 * Writes an object with the key, if any, and all that was given. A member of `match` replaces the
 * one of `match` (NULL: there is none), keeps the others, and goes when its value is ''.
 */
void cli_body_write(const struct cli_arguments *arguments, const char *key,
		    const struct json *match, struct buf *ret);
