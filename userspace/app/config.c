/* `sluice config`: checks a file of settings, shows settings with their origins. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/arguments.h"
#include "app/bootstrap.h"
#include "app/config.h"
#include "base/cleanup.h"
#include "base/random.h"
#include "conf/limits.h"
#include "doors/http/http.h"

enum {
	EXIT_WRONG = 2,
};

/* Returns err. */
static int explain(int err, const struct conf_error *error)
{
	char text[CONF_ERROR_SIZE];

	if (err == CONF_E_INVALID) {
		conf_error_format(error, text);
		fprintf(stderr, "sluice: %s\n", text);
	} else {
		fprintf(stderr, "sluice: %s\n", strerror(-err));
	}
	return err;
}

int config_load(const struct conf_sources *sources, struct conf **ret)
{
	struct conf_error error;
	int err = conf_load(sources, &error, ret);

	return err ? explain(err, &error) : 0;
}

static int print(const struct buf *text)
{
	if (!text->failed && fputs(text->data, stdout) >= 0 && fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "sluice: cannot print: %s\n", strerror(text->failed ? ENOMEM : errno));
	return EXIT_WRONG;
}

static int check_limits(const char *dir)
{
	_cleanup_conf_limits_ struct conf_limits *limits = NULL;
	struct conf_error error;
	int err = dir ? conf_limits_load(dir, &error, &limits) : 0;

	return err ? explain(err, &error) : 0;
}

static int check_tls(const struct settings *settings)
{
	struct field_error why = {.message = ""};
	int err = settings->tls_cert ? http_check_tls(settings->tls_cert, settings->tls_key, &why) :
				       0;

	if (err > 0)
		fprintf(stderr, "sluice: %s: %s\n", why.field, why.message);
	else if (err)
		fprintf(stderr, "sluice: %s\n", strerror(-err));
	return err;
}

static int check_bootstrap(const char *path, const struct settings *settings)
{
	struct field_error error;
	int err = random_init();

	if (err)
		return explain(err, NULL);
	err = bootstrap_check(settings, &error);
	if (err)
		fprintf(stderr, "sluice: %s: %s: %s\n", path, error.field, error.message);
	return err;
}

/* The file alone: neither the environment nor a running server matters. */
static int check(const char *path)
{
	const struct conf_sources sources = {.file = path};
	_cleanup_conf_ struct conf *conf = NULL;
	const struct settings *settings;

	if (config_load(&sources, &conf))
		return EXIT_WRONG;
	settings = conf_settings(conf);
	if (check_bootstrap(path, settings) || check_tls(settings) ||
	    check_limits(settings->limits))
		return EXIT_WRONG;
	printf("%s is fine\n", path);
	return 0;
}

static int show(int n_args, char *const *args)
{
	struct conf_sources sources = {.environment = environ};
	_cleanup_arguments_ struct arguments own = {.all = NULL};
	_cleanup_conf_ struct conf *conf = NULL;
	_cleanup_buf_ struct buf text;
	bool json;

	buf_init(&text);
	if (arguments_copy(n_args, args, &own) || arguments_take_format(&own, &json))
		return EXIT_WRONG;
	sources.args = own.at;
	sources.n_args = own.n;
	if (config_load(&sources, &conf))
		return EXIT_WRONG;
	if (json)
		conf_show_json(conf, &text);
	else
		conf_show(conf, &text);
	return print(&text);
}

int config_run(int n_args, char *const *args)
{
	const char *verb = n_args > 0 ? args[0] : "";

	if (strcmp(verb, "check") == 0 && n_args == 2)
		return check(args[1]);
	if (strcmp(verb, "show") == 0)
		return show(n_args - 1, args + 1);
	fprintf(stderr, "sluice: config takes `check FILE` or `show [-o json] [OPTION...]`\n");
	return EXIT_WRONG;
}
