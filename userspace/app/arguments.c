/* Arguments of commands that take those of serve too: a list of their own, with what is not serve's taken out. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/arguments.h"

int arguments_copy(int n_args, char *const *args, struct arguments *ret)
{
	char **all = calloc((size_t)n_args + 1, sizeof(*all));

	*ret = (struct arguments){.all = all, .at = all, .n = n_args};
	if (!all) {
		fprintf(stderr, "sluice: %s\n", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (int i = 0; i < n_args; i++)
		all[i] = args[i];
	return 0;
}

void arguments_done(struct arguments *arguments)
{
	free(arguments->all);
}

static void drop(struct arguments *arguments, int at, int n)
{
	memmove(&arguments->at[at], &arguments->at[at + n],
		(size_t)(arguments->n - at - n) * sizeof(*arguments->at));
	arguments->n -= n;
}

bool arguments_take_flag(struct arguments *arguments, const char *name)
{
	bool found = false;

	for (int at = 0; at < arguments->n;) {
		if (strcmp(arguments->at[at], name) != 0) {
			at++;
			continue;
		}
		drop(arguments, at, 1);
		found = true;
	}
	return found;
}

int arguments_take_format(struct arguments *arguments, bool *ret_json)
{
	*ret_json = false;
	for (int at = 0; at < arguments->n;) {
		if (strcmp(arguments->at[at], "-o") != 0) {
			at++;
			continue;
		}
		if (at + 1 == arguments->n || strcmp(arguments->at[at + 1], "json") != 0) {
			fprintf(stderr, "sluice: -o: takes json\n");
			return -EINVAL;
		}
		drop(arguments, at, 2);
		*ret_json = true;
	}
	return 0;
}
