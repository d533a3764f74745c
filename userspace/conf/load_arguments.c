/* Applies the settings of the command line. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conf/loader_priv.h"

static const char config_flag[] = "--config";

/* One argument, or two: a name and its value. */
struct argument {
	const char *name;
	size_t name_len;
	const char *equals; /* NULL, or the value after "=" */
	const char *next;   /* NULL: none follows */
	const char *value;  /* what take_value() found */
	int used;           /* arguments, 1 or 2 */
};

static struct argument read_argument(int n_args, char *const *args)
{
	const char *equals = strchr(args[0], '=');

	return (struct argument){
		.name = args[0],
		.name_len = equals ? (size_t)(equals - args[0]) : strlen(args[0]),
		.equals = equals ? equals + 1 : NULL,
		.next = n_args > 1 ? args[1] : NULL,
		.used = 1,
	};
}

static bool take_value(struct argument *argument)
{
	argument->value = argument->equals ? argument->equals : argument->next;
	argument->used = argument->equals ? 1 : 2;
	return argument->value;
}

static bool is_config(const struct argument *argument)
{
	return argument->name_len == sizeof(config_flag) - 1 &&
	       memcmp(argument->name, config_flag, argument->name_len) == 0;
}

static int refuse_config(struct loader *loader, const char *message)
{
	const struct conf_origin origin = {.source = SOURCE_FLAG};

	return loader_refuse(loader, &origin, config_flag, message);
}

/* `--config` comes before the file, wherever it stands. */
int loader_find_file(struct loader *loader, const struct conf_sources *sources)
{
	struct argument argument;

	loader->conf->path = sources->file;
	for (int at = 0; at < sources->n_args; at += argument.used) {
		const struct setting *row;

		argument = read_argument(sources->n_args - at, sources->args + at);
		row = setting_find(STYLE_FLAG, argument.name, argument.name_len);
		if (row && !row->type->flag)
			take_value(&argument);
		if (!is_config(&argument))
			continue;
		if (!take_value(&argument) || !*argument.value)
			return refuse_config(loader, "needs a value: FILE");
		if (loader->conf->path)
			return refuse_config(loader, "is there twice: one file is taken");
		loader->conf->path = argument.value;
	}
	return 0;
}

static int apply_argument(struct loader *loader, struct argument *argument)
{
	const struct conf_origin origin = {.source = SOURCE_FLAG};
	const struct setting *row = setting_find(STYLE_FLAG, argument->name, argument->name_len);
	char message[64];

	if (is_config(argument))
		return take_value(argument) ? 0 : refuse_config(loader, "needs a value: FILE");
	if (!row)
		return loader_refuse_unknown(loader, &origin, argument->name, argument->name_len);
	if (row->type->flag)
		return loader_apply(loader, row, &origin,
				    argument->equals ? argument->equals : "true");
	if (!take_value(argument)) {
		snprintf(message, sizeof(message), "needs a value: %s", row->value);
		return loader_refuse_row(loader, row, &origin, message);
	}
	if (row->type->secret)
		return loader_apply_secret_file(loader, row, &origin, argument->value);
	return loader_apply(loader, row, &origin, argument->value);
}

int loader_apply_arguments(struct loader *loader, const struct conf_sources *sources)
{
	struct argument argument;
	int err = 0;

	for (int at = 0; at < sources->n_args && !err; at += argument.used) {
		argument = read_argument(sources->n_args - at, sources->args + at);
		err = apply_argument(loader, &argument);
	}
	return err;
}
