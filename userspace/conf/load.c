/* Applies default, file, environment and command line, in this order, to a fresh set. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/loader_priv.h"

static size_t index_of(const struct setting *row)
{
	return (size_t)(row - settings_table);
}

/* The setting as it is spelt where the origin lies. */
static void origin_name(const struct setting *row, const struct conf_origin *origin,
			char text[SETTING_NAME_SIZE + 8])
{
	static const enum setting_style styles[] = {
		[SOURCE_DEFAULT] = STYLE_FILE,
		[SOURCE_FILE] = STYLE_FILE,
		[SOURCE_ENVIRONMENT] = STYLE_ENVIRONMENT,
		[SOURCE_FLAG] = STYLE_FLAG,
	};
	char name[SETTING_NAME_SIZE];

	setting_name(row, styles[origin->source], name);
	snprintf(text, SETTING_NAME_SIZE + 8, "%s%s", name, origin->by_file ? "_FILE" : "");
}

/* Says where; the words of *what may be those in loader->error already. */
int loader_refuse(struct loader *loader, const struct conf_origin *origin, const char *field,
		  const char *message)
{
	struct conf_error *error = loader->error;

	if (origin->source != SOURCE_FILE)
		*error->where = '\0';
	else if (origin->line)
		snprintf(error->where, sizeof(error->where), "%s:%u", loader->conf->path,
			 origin->line);
	else
		snprintf(error->where, sizeof(error->where), "%s", loader->conf->path);
	field_error_set(&error->what, field, "%s", message);
	return CONF_E_INVALID;
}

int loader_refuse_row(struct loader *loader, const struct setting *row,
		      const struct conf_origin *origin, const char *message)
{
	char name[SETTING_NAME_SIZE + 8];

	origin_name(row, origin, name);
	return loader_refuse(loader, origin, name, message);
}

int loader_refuse_unknown(struct loader *loader, const struct conf_origin *origin, const char *text,
			  size_t len)
{
	bool flag = origin->source == SOURCE_FLAG;
	char name[FIELD_NAME_SIZE];
	_cleanup_buf_ struct buf said;

	buf_init(&said);
	buf_printf(&said, flag ? "there is no such option; see `sluice help`" :
				 "there is no such setting");
	setting_suggest(flag ? STYLE_FLAG : STYLE_FILE, text, len, &said);
	if (said.failed)
		return -ENOMEM;
	/* A word alone may be a secret that somebody gives without its option. */
	if (flag && *text != '-' && len > TYPED_SHOWN_MAX)
		snprintf(name, sizeof(name), "%.*s...", TYPED_SHOWN_MAX, text);
	else
		snprintf(name, sizeof(name), "%.*s",
			 (int)(len < sizeof(name) ? len : sizeof(name) - 1), text);
	return loader_refuse(loader, origin, name, said.data);
}

/* A stronger source replaces a list, the same source adds to it. */
void loader_take_over(struct conf *conf, const struct setting *row,
		      const struct conf_origin *origin)
{
	struct conf_origin *former = &conf->origins[index_of(row)];

	if (row->type->list && former->source != origin->source)
		conf->settings.n_interfaces = 0;
	*former = *origin;
}

int loader_apply(struct loader *loader, const struct setting *row, const struct conf_origin *origin,
		 const char *text)
{
	loader_take_over(loader->conf, row, origin);
	if (row->type->parse(row, text, &loader->error->what, &loader->conf->settings))
		return 0;
	return loader_refuse_row(loader, row, origin, loader->error->what.message);
}

int loader_apply_secret_file(struct loader *loader, const struct setting *row,
			     const struct conf_origin *origin, const char *path)
{
	char **owned = &loader->conf->secrets[index_of(row)];
	char *secret;
	int err;

	if (!*path)
		return loader_refuse_row(loader, row, origin, "must not be empty");
	err = conf_read_secret(path, &loader->error->what, &secret);
	if (err)
		return err < 0 ?
			       err :
			       loader_refuse_row(loader, row, origin, loader->error->what.message);
	err = loader_apply(loader, row, origin, secret);
	conf_wipe(*owned);
	*owned = secret;
	return err;
}

static int apply_defaults(struct loader *loader)
{
	const struct conf_origin origin = {.source = SOURCE_DEFAULT};
	int err = 0;

	for (size_t i = 0; i < n_settings && !err; i++)
		if (settings_table[i].by_default)
			err = loader_apply(loader, &settings_table[i], &origin,
					   settings_table[i].by_default);
	return err;
}

/* Refuses the setting of this name, which is in the table, where it comes from. */
static int refuse_name(struct loader *loader, const char *name, const char *message)
{
	const struct setting *row = setting_find(STYLE_FILE, name, strlen(name));

	return loader_refuse_row(loader, row, &loader->conf->origins[index_of(row)], message);
}

static int check_clock(struct loader *loader)
{
	const struct settings *settings = &loader->conf->settings;

	if (!settings->test_clock)
		return 0;
	if (settings->n_interfaces > 0)
		return refuse_name(loader, "test_clock", "packets go by the real clock: no iface");
	if (!settings->listen.loopback)
		return refuse_name(loader, "test_clock",
				   "anybody could move the clock: only with a loopback listen");
	return 0;
}

/* What is fine alone but not together. */
static int check_together(struct loader *loader)
{
	const struct settings *settings = &loader->conf->settings;

	if (settings->tls_cert && !settings->tls_key)
		return refuse_name(loader, "tls_cert", "needs its key beside it: set tls_key too");
	if (settings->tls_key && !settings->tls_cert)
		return refuse_name(loader, "tls_key",
				   "needs a certificate beside it: set tls_cert too");
	return check_clock(loader);
}

static int load(struct loader *loader, const struct conf_sources *sources)
{
	int err = loader_find_file(loader, sources);

	if (!err)
		err = apply_defaults(loader);
	if (!err && loader->conf->path)
		err = loader_apply_file(loader);
	if (!err)
		err = loader_apply_environment(loader, sources->environment);
	if (!err)
		err = loader_apply_arguments(loader, sources);
	return err ? err : check_together(loader);
}

int conf_load(const struct conf_sources *sources, struct conf_error *error, struct conf **ret)
{
	_cleanup_conf_ struct conf *conf = calloc(1, sizeof(*conf));
	struct loader loader = {conf, error};
	int err;

	if (!conf)
		return -ENOMEM;
	conf->sources = *sources;
	err = load(&loader, sources);
	if (!err)
		*ret = TAKE_PTR(conf);
	return err;
}

int conf_load_again(const struct conf *conf, struct conf_error *error, struct conf **ret)
{
	return conf_load(&conf->sources, error, ret);
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		conf_wipe(conf->secrets[i]);
	yaml_file_free(conf->file);
	free(conf);
}

const struct settings *conf_settings(const struct conf *conf)
{
	return &conf->settings;
}

bool conf_has_file(const struct conf *conf)
{
	return conf->path;
}

void conf_origin_format(const struct conf *conf, size_t row, struct buf *text)
{
	static const char *const sources[] = {"default", "", "environment ", "flag "};
	const struct conf_origin *origin = &conf->origins[row];
	char name[SETTING_NAME_SIZE + 8];

	buf_put_str(text, sources[origin->source]);
	if (origin->source == SOURCE_FILE) {
		buf_printf(text, "%s:%u", conf->path, origin->line);
	} else if (origin->source != SOURCE_DEFAULT) {
		origin_name(&settings_table[row], origin, name);
		buf_put_str(text, name);
	}
}
