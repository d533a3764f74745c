/* Applies the settings of a file. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/loader_priv.h"

static bool is_null(const struct yaml_value *value)
{
	return value->plain && (strcmp(value->text, "") == 0 || strcmp(value->text, "~") == 0 ||
				strcasecmp(value->text, "null") == 0);
}

static int apply_value(struct loader *loader, const struct setting *row,
		       const struct yaml_value *value)
{
	const struct conf_origin origin = {.source = SOURCE_FILE, .line = value->line};

	if (is_null(value))
		return loader_refuse_row(loader, row, &origin, "has no value");
	if (row->type->plain && !value->plain)
		return loader_refuse_row(loader, row, &origin, "must stand without quotes");
	if (row->type->secret)
		return loader_apply_secret_file(loader, row, &origin, value->text);
	return loader_apply(loader, row, &origin, value->text);
}

static int apply_entry(struct loader *loader, const struct yaml_entry *entry)
{
	const struct conf_origin origin = {.source = SOURCE_FILE, .line = entry->line};
	const struct setting *row = setting_find(STYLE_FILE, entry->name, strlen(entry->name));
	int err = 0;

	if (!row)
		return loader_refuse_unknown(loader, &origin, entry->name, strlen(entry->name));
	if (entry->list != row->type->list)
		return loader_refuse_row(loader, row, &origin,
					 entry->list ? "takes one value, not a list" :
						       "must be a list: [NAME, NAME]");
	for (size_t i = 0; i < entry->n_values && !err; i++)
		err = apply_value(loader, row, &entry->values[i]);
	/* Errors name the line of a value, the origin that of the setting; a list may be empty. */
	if (!err)
		loader_take_over(loader->conf, row, &origin);
	return err;
}

static int explain_yaml(struct loader *loader, const struct yaml_error *why)
{
	const struct conf_origin origin = {.source = SOURCE_FILE, .line = why->line};
	const char *name = why->what.field;

	if (*name && !setting_find(STYLE_FILE, name, strlen(name)))
		return loader_refuse_unknown(loader, &origin, name, strlen(name));
	return loader_refuse(loader, &origin, name, why->what.message);
}

static int explain_file(struct loader *loader, int err)
{
	const struct conf_origin origin = {.source = SOURCE_FILE};
	char message[FIELD_MESSAGE_SIZE];

	if (err == -EFBIG)
		snprintf(message, sizeof(message), "has more than 1 MiB");
	else
		snprintf(message, sizeof(message), "cannot be read: %s", strerror(-err));
	return err == -ENOMEM ? err : loader_refuse(loader, &origin, "", message);
}

int loader_apply_file(struct loader *loader)
{
	struct yaml_error why = {.line = 0};
	char *text;
	size_t len;
	int err = conf_read_file(loader->conf->path, CONF_FILE_MAX, &text, &len);

	if (err)
		return explain_file(loader, err);
	err = yaml_read(text, len, &why, &loader->conf->file);
	free(text);
	if (err)
		return err < 0 ? err : explain_yaml(loader, &why);
	for (size_t i = 0; i < loader->conf->file->n_entries && !err; i++)
		err = apply_entry(loader, &loader->conf->file->entries[i]);
	return err;
}
