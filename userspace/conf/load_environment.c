/* Applies the settings that the environment holds. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/loader_priv.h"

/* NULL when it is absent or empty. */
static const char *find_variable(char *const *environment, const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	for (; *environment; environment++) {
		const char *at = *environment;

		if (strncmp(at, name, len) != 0 || strncmp(at + len, suffix, suffix_len) != 0)
			continue;
		at += len + suffix_len;
		if (*at == '=')
			return at[1] ? at + 1 : NULL;
	}
	return NULL;
}

/* Values with commas between them. */
static int apply_list(struct loader *loader, const struct setting *row,
		      const struct conf_origin *origin, const char *text)
{
	char *copy = strdup(text), *rest = copy, *item;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (item = strsep(&rest, ",")))
		err = loader_apply(loader, row, origin, item);
	free(copy);
	return err;
}

static int apply_variable(struct loader *loader, char *const *environment,
			  const struct setting *row)
{
	struct conf_origin origin = {.source = SOURCE_ENVIRONMENT};
	const char *value, *path = NULL;
	char name[SETTING_NAME_SIZE];

	setting_name(row, STYLE_ENVIRONMENT, name);
	value = find_variable(environment, name, "");
	if (row->type->secret)
		path = find_variable(environment, name, "_FILE");
	if (value && path)
		return loader_refuse_row(loader, row, &origin,
					 "is there as well as its _FILE: one is taken");
	if (row->type->list && value)
		return apply_list(loader, row, &origin, value);
	if (value)
		return loader_apply(loader, row, &origin, value);
	origin.by_file = true;
	return path ? loader_apply_secret_file(loader, row, &origin, path) : 0;
}

int loader_apply_environment(struct loader *loader, char *const *environment)
{
	int err = 0;

	for (size_t i = 0; i < n_settings && !err && environment; i++)
		err = apply_variable(loader, environment, &settings_table[i]);
	return err;
}
