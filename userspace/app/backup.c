/* `sluice backup`: makes a backup of a data directory, beside a running service or without one. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/arguments.h"
#include "app/backup.h"
#include "app/config.h"
#include "app/version.h"
#include "backup/backup.h"

enum {
	EXIT_INCOMPLETE = 1,
	EXIT_CANNOT = 2,
};

/* What is typed; the other arguments are those of serve. */
struct call {
	const char *file;
	bool force, bootstrap, json;
	struct arguments args;
};

static bool is_file(const char *argument)
{
	return argument[0] != '-' || argument[1] == '\0';
}

/* FILE comes first or last: elsewhere it could be the value of an option. */
static const char *take_file(struct arguments *args)
{
	if (args->n == 0)
		return NULL;
	if (is_file(args->at[0])) {
		args->n--;
		return *args->at++;
	}
	return is_file(args->at[args->n - 1]) ? args->at[--args->n] : NULL;
}

/* 0, or -errno with a sentence on stderr. */
static int read_call(int n_args, char *const *args, struct call *call)
{
	int err = arguments_copy(n_args, args, &call->args);

	if (!err)
		err = arguments_take_format(&call->args, &call->json);
	if (err)
		return err;
	call->force = arguments_take_flag(&call->args, "--force");
	call->bootstrap = arguments_take_flag(&call->args, "--with-bootstrap");
	call->file = take_file(&call->args);
	if (call->file && *call->file)
		return 0;
	fprintf(stderr, "sluice: backup takes FILE (or - for stdout), --force, --with-bootstrap, "
			"-o json, and --data DIR or --config FILE\n");
	return -EINVAL;
}

static volatile sig_atomic_t signalled;

static void note_signal(int number)
{
	(void)number;
	signalled = 1;
}

static bool is_signalled(void)
{
	return signalled;
}

/* What ends it does so once it has cleared up; no SA_RESTART, so that it waits for no reader. */
static void prepare_signals(void)
{
	const struct sigaction note = {.sa_handler = note_signal};

	sigaction(SIGINT, &note, NULL);
	sigaction(SIGTERM, &note, NULL);
	sigaction(SIGHUP, &note, NULL);
	/* A reader that leaves and a limit of file sizes are errors like a full disk. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void explain(int r, const struct field_error *error)
{
	if (r == BACKUP_E_INTERRUPTED)
		fprintf(stderr, "sluice: backup: interrupted; nothing is left of it\n");
	else if (r == BACKUP_E_REFUSED)
		fprintf(stderr, "sluice: backup: %s\n", error->message);
	else
		fprintf(stderr, "sluice: backup: cannot be written: %s\n", strerror(-r));
}

/* Which lines a person wants; names and reasons come from us. */
static void print_text(const struct backup_request *request, const struct backup_result *result,
		       FILE *out)
{
	if (request->file)
		fprintf(out, "%s: %llu bytes, checked and read back\n", request->file,
			(unsigned long long)result->bytes);
	for (size_t i = 0; i < result->n_parts; i++) {
		const struct backup_part *part = &result->parts[i];

		if (part->state == BACKUP_ABSENT)
			continue;
		if (part->state != BACKUP_IN)
			fprintf(out, "  %-16s left out: %s\n", part->name, part->why);
		else if (part->schema)
			fprintf(out, "  %-16s %llu bytes, schema %u\n", part->name,
				(unsigned long long)part->bytes, part->schema);
		else
			fprintf(out, "  %-16s %llu bytes\n", part->name,
				(unsigned long long)part->bytes);
	}
}

/* Beside a backup on stdout, stderr says what it is. */
static int print_result(const struct call *call, const struct backup_request *request,
			const struct backup_result *result)
{
	FILE *out = request->file ? stdout : stderr;
	_cleanup_buf_ struct buf json;

	buf_init(&json);
	if (call->json) {
		backup_describe(result, request->version, call->file, &json);
		if (!json.failed)
			fputs(json.data, out);
	} else {
		print_text(request, result, out);
	}
	if (json.failed || fflush(out)) {
		fprintf(stderr, "sluice: cannot print: %s\n",
			strerror(json.failed ? ENOMEM : errno));
		return EXIT_CANNOT;
	}
	return backup_complete(result) ? 0 : EXIT_INCOMPLETE;
}

static int make(const struct call *call, const char *data)
{
	bool stream = strcmp(call->file, "-") == 0;
	const struct backup_request request = {
		.data = data,
		.file = stream ? NULL : call->file,
		.fd = STDOUT_FILENO,
		.force = call->force,
		.bootstrap = call->bootstrap,
		.version = SLUICE_VERSION,
		.stop = is_signalled,
	};
	struct backup_result result;
	struct field_error error;
	int r;

	if (stream && isatty(STDOUT_FILENO) == 1) {
		fprintf(stderr, "sluice: backup: not on a terminal: `sluice backup - | ...`\n");
		return EXIT_CANNOT;
	}
	r = backup_make(&request, &error, &result);
	if (!r)
		return print_result(call, &request, &result);
	explain(r, &error);
	return EXIT_CANNOT;
}

static int run(const struct call *call)
{
	const struct conf_sources sources = {
		.environment = environ, .n_args = call->args.n, .args = call->args.at};
	_cleanup_conf_ struct conf *conf = NULL;

	if (config_load(&sources, &conf))
		return EXIT_CANNOT;
	prepare_signals();
	return make(call, conf_settings(conf)->data);
}

int backup_run(int n_args, char *const *args)
{
	struct call call = {.file = NULL};
	int status = read_call(n_args, args, &call) ? EXIT_CANNOT : run(&call);

	arguments_done(&call.args);
	return status;
}
