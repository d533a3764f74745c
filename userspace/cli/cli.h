/* The commands that talk to a running server: they know it over HTTP only. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

/* A command of another room, for help and completion. */
struct cli_other {
	const char *group;                    /* the first of two words, or NULL */
	const char *name;                     /* NULL ends a list */
	const char *operands;                 /* "FILE" */
	const char *help;                     /* NULL: neither shown nor offered */
	void (*put_words)(struct buf *words); /* what it takes, with blanks between; NULL: nothing */
};

/* Whether this is the first word of a command of this room. */
bool cli_knows(const char *word);
/*
 * Runs the command whose first word args[0] is; the rest is what was typed behind it. Returns the
 * exit status: 0 allowed or done, 1 denied, 2 error, with one line on stderr.
 */
int cli_run(int n_args, char *const *args, const struct cli_other *others);

/* A line of help for each command, to stdout. */
void cli_print_commands(const struct cli_other *others);

/*
 * `completion bash`: a script for the shell, to stdout. args[0] is "completion". each_choice tells the
 * options of other commands that take one of a few words. An exit status.
 */
int cli_completion(int n_args, char *const *args, const struct cli_other *others,
		   void (*each_choice)(void (*visit)(const char *option, const char *words)));
