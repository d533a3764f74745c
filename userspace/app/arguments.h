/* Arguments of commands that take those of serve too: a list of their own, with what is not serve's taken out. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Texts are borrowed from whoever called the program. */
struct arguments {
	char **all; /* as allocated */
	char **at;
	int n;
};

/* 0 or -ENOMEM, with a line on stderr. */
int arguments_copy(int n_args, char *const *args, struct arguments *ret);
void arguments_done(struct arguments *arguments);
#define _cleanup_arguments_ _cleanup_(arguments_done)

/* Whether the flag is there; then it is gone from the list. */
bool arguments_take_flag(struct arguments *arguments, const char *name);
/* The same for `-o json`. 0, or -EINVAL with a line on stderr: a wrong -o. */
int arguments_take_format(struct arguments *arguments, bool *ret_json);
