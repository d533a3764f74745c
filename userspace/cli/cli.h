/* The commands that talk to a running server: they know it over HTTP only. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/buf.h"

/*
 * Runs `check`, `limit` or `status`; args[0] is that word, the rest what was typed behind it.
 * Returns the exit status: 0 allowed or done, 1 denied, 2 error, with one line on stderr.
 */
int cli_run(int n_args, char *const *args);

/* A line of help for each command, to stdout. */
void cli_print_commands(void);

/* A command of another room, for completion. */
struct cli_other {
	const char *name;                     /* NULL ends a list */
	void (*put_words)(struct buf *words); /* what it takes, with blanks between; NULL: nothing */
};

/* `completion bash`: a script for the shell, to stdout. args[0] is "completion". An exit status. */
int cli_completion(int n_args, char *const *args, const struct cli_other *others);
