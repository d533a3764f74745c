/* A refused answer as one line that says what is wrong and what to do next. */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_priv.h"
#include "cli/text_priv.h"
#include "cli/view_priv.h"

/* What a problem's body says; texts are borrowed from it, "" where it is silent. */
struct problem {
	const char *detail;
	const char *field;
	const char *existing_id;
};

enum cli_status cli_fail(struct cli *cli, const char *format, ...)
{
	char fixed[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(fixed, sizeof(fixed), format, args);
	va_end(args);
	buf_clear(&cli->problem);
	text_put_escaped(&cli->problem, fixed, strlen(fixed));
	return CLI_ERROR;
}

/* What was typed for a field of the API: "--dst" for "match.dst[0]". NULL: nothing. */
static const char *typed_for(const struct cli *cli, const char *field)
{
	if (strcmp(field, "key") == 0)
		return "KEY";
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const char *member = cli_options[id].member;
		size_t len = member ? strlen(member) : 0;

		if (!member || !cli_takes(cli->command, id) || strncmp(field, member, len) != 0)
			continue;
		if (field[len] == '\0' || field[len] == '[')
			return cli_options[id].name;
	}
	return NULL;
}

/* Without the field's name, which the API puts before it. */
static const char *bare_detail(const struct problem *problem)
{
	const char *detail = problem->detail;
	size_t len = strlen(problem->field);

	if (len > 0 && strncmp(detail, problem->field, len) == 0 &&
	    strncmp(detail + len, ": ", 2) == 0)
		return detail + len + 2;
	return detail;
}

static enum cli_status fail_field(struct cli *cli, const struct problem *problem)
{
	const char *typed = typed_for(cli, problem->field);

	if (!typed || !*problem->field)
		return cli_fail(cli, "%s", problem->detail);
	return cli_fail(cli, "%s: %s", typed, bare_detail(problem));
}

/* The server does not know the key, or no longer. */
static enum cli_status fail_key(struct cli *cli, const struct problem *problem)
{
	if (strstr(problem->detail, "expired"))
		return cli_fail(cli,
				"%s: %s: whoever has another one can give it a later end with "
				"`sluice key set ID --expires-in 30d`",
				cli->key_from, problem->detail);
	return cli_fail(cli,
			"%s: %s does not know this API key: take another one, such as the api_key "
			"of bootstrap.json in its data directory; if all are lost, see `sluice key "
			"recover --help`",
			cli->key_from, cli->url);
}

/* A key that may not do this, or may not give away what it does not have. */
static enum cli_status fail_right(struct cli *cli, const struct problem *problem)
{
	const char *detail = bare_detail(problem);

	if (strcmp(problem->field, "expires_in") == 0)
		return cli_fail(cli, "--expires-in: %s", detail);
	return cli_fail(cli,
			"%s: %s: take another key, or have this one given the right with `sluice "
			"key set`",
			cli->key_from, detail);
}

static bool takes_id(const struct cli *cli)
{
	return cli->arguments.n_operands > 0 && strstr(cli_commands[cli->command].operands, "ID");
}

static enum cli_status fail_problem(struct cli *cli, unsigned int status,
				    const struct problem *problem)
{
	const char *id = cli->arguments.n_operands > 0 ? cli->arguments.operands[0] : "";

	switch (status) {
	case 401:
		return fail_key(cli, problem);
	case 403:
		return fail_right(cli, problem);
	case 404:
		if (!takes_id(cli))
			return cli_fail(
				cli,
				"%s: %s: is this the address of a Sluice? See SLUICE_URL or "
				"--url",
				cli->url, problem->detail);
		return cli_fail(cli, "%s: %s: see `sluice %s list`", id, bare_detail(problem),
				cli_group(cli));
	case 409:
		if (*problem->existing_id)
			return cli_fail(cli, "%s: `sluice limit set %s`", problem->detail,
					problem->existing_id);
		return fail_field(cli, problem);
	case 412:
		return cli_fail(cli,
				"%s has changed meanwhile, and is left as it is: look at "
				"`sluice %s show %s` and try again",
				id, cli_group(cli), id);
	default:
		return fail_field(cli, problem);
	}
}

enum cli_status cli_fail_answer(struct cli *cli, unsigned int status, const struct buf *body)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;
	struct problem problem = {.detail = ""};

	if (body->len > 0 && json_parse(body->data, body->len, &error, &document) == 0) {
		const struct json *root = json_root(document);

		problem.detail = view_text(root, "detail");
		problem.field = view_text(root, "field");
		problem.existing_id = view_text(root, "existing_id");
	}
	if (!*problem.detail)
		return cli_fail(cli,
				"%s answered %u without saying why: is this the address of a "
				"Sluice? See SLUICE_URL or --url",
				cli->url, status);
	return fail_problem(cli, status, &problem);
}
