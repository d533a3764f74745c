/* `sluice doctor`: looks at this host, with a controller running or not, and says what to do. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/arguments.h"
#include "app/doctor.h"
#include "base/cleanup.h"
#include "doctor/doctor.h"

enum {
	EXIT_CANNOT = 2,
};

/* Settings that cannot be read are the first finding, and the last: the rest depends on them. */
static void examine(const struct conf_sources *sources, struct doctor_report *report)
{
	_cleanup_conf_ struct conf *conf = NULL;
	char text[CONF_ERROR_SIZE];
	struct conf_error error;
	int err = conf_load(sources, &error, &conf);

	if (err > 0)
		conf_error_format(&error, text);
	else if (err)
		snprintf(text, sizeof(text), "%s", strerror(-err));
	if (err)
		doctor_add(report, "settings", DOCTOR_FAIL,
			   "correct it; nothing else was looked at", "%s", text);
	else
		doctor_run(conf_settings(conf), report);
}

static int print(const struct doctor_report *report, bool json)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text);
	if (json)
		doctor_show_json(report, &text);
	else
		doctor_show(report, &text);
	if (!text.failed && fputs(text.data, stdout) >= 0 && fflush(stdout) == 0)
		return (int)doctor_worst(report);
	fprintf(stderr, "sluice: cannot print: %s\n", strerror(text.failed ? ENOMEM : errno));
	return EXIT_CANNOT;
}

static int run(int n_args, char *const *args, struct doctor_report *report)
{
	_cleanup_arguments_ struct arguments own = {.all = NULL};
	struct conf_sources sources = {.environment = environ};
	bool json;

	if (arguments_copy(n_args, args, &own) || arguments_take_format(&own, &json))
		return EXIT_CANNOT;
	sources.args = own.at;
	sources.n_args = own.n;
	/* At a limit of file sizes the trial write fails, as it would for serve. */
	signal(SIGXFSZ, SIG_IGN);
	examine(&sources, report);
	return print(report, json);
}

int doctor_command(int n_args, char *const *args)
{
	struct doctor_report *report = calloc(1, sizeof(*report));
	int status = EXIT_CANNOT;

	if (report)
		status = run(n_args, args, report);
	else
		fprintf(stderr, "sluice: %s\n", strerror(ENOMEM));
	free(report);
	return status;
}
