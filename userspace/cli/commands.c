/* The table of commands: finds one, reads its options, runs it, prints what came of it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session_priv.h"
#include "cli/text_priv.h"

enum {
	WIDTH_BY_DEFAULT = 80,
	WIDTH_MIN = 40,
};

const struct cli_command cli_commands[CLI_N_COMMANDS] = {
	[CLI_CHECK] = {NULL, "check", "KEY", 1, 1, "may this key pass? consumes, if it may",
		       cli_check},
	[CLI_LIST] = {"limit", "list", "", 0, 0, "list all limits", cli_limit_list},
	[CLI_ADD] = {"limit", "add", "[KEY]", 0, 1, "make a limit of a key, or of packets",
		     cli_limit_add},
	[CLI_SHOW] = {"limit", "show", "ID", 1, 1, "show one limit and what it counted",
		      cli_limit_show},
	[CLI_SET] = {"limit", "set", "ID", 1, 1, "change a limit; what was consumed is kept",
		     cli_limit_set},
	[CLI_RM] = {"limit", "rm", "ID", 1, 1, "remove a limit", cli_limit_rm},
	[CLI_RESET] = {"limit", "reset", "ID [KEY]", 1, 2, "forget what all keys, or one, consumed",
		       cli_limit_reset},
	[CLI_CONFIRM] = {"limit", "confirm", "ID", 1, 1, "let a limit made with --confirm stay",
			 cli_limit_confirm},
	[CLI_KEY_LIST] = {"key", "list", "", 0, 0, "list all API keys", cli_key_list},
	[CLI_KEY_ADD] = {"key", "add", "", 0, 0, "make an API key, and print its token once",
			 cli_key_add},
	[CLI_KEY_SHOW] = {"key", "show", "ID", 1, 1, "show one API key", cli_key_show},
	[CLI_KEY_SET] = {"key", "set", "ID", 1, 1, "change what an API key may do, and how long",
			 cli_key_set},
	[CLI_KEY_RM] = {"key", "rm", "ID", 1, 1, "revoke an API key at once", cli_key_rm},
	[CLI_AUDIT] = {NULL, "audit", "", 0, 0, "who changed what, newest first", cli_audit},
	[CLI_USAGE] = {NULL, "usage", "", 0, 0, "how much was asked, by hour or day", cli_usage},
	[CLI_TOP] = {NULL, "top", "[ID]", 0, 1, "rates of limits and their busiest keys, live",
		     cli_top},
	[CLI_STATUS] = {NULL, "status", "", 0, 0, "is the server ready, and what does it limit?",
			cli_show_status},
};

/* "limit add", or "check". */
static const char *title_of(const struct cli_command *command, char title[32])
{
	snprintf(title, 32, "%s%s%s", command->group ? command->group : "",
		 command->group ? " " : "", command->name);
	return title;
}

const char *cli_group(const struct cli *cli)
{
	return cli_commands[cli->command].group ?: "limit";
}

static void print_line(const char *group, const char *name, const char *operands, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "sluice %s%s%s %s", group ? group : "", group ? " " : "", name,
		 operands);
	printf("  %-30s %s\n", left, help);
}

/* All commands, or those of a group. */
static void print_commands(const char *group, const struct cli_other *others)
{
	for (size_t i = 0; i < CLI_N_COMMANDS; i++) {
		const struct cli_command *command = &cli_commands[i];

		if (!group || (command->group && strcmp(command->group, group) == 0))
			print_line(command->group, command->name, command->operands, command->help);
	}
	for (; others->name; others++)
		if (others->help &&
		    (!group || (others->group && strcmp(others->group, group) == 0)))
			print_line(others->group, others->name, others->operands, others->help);
}

void cli_print_commands(const struct cli_other *others)
{
	print_commands(NULL, others);
}

static int print_group(const char *group, const struct cli_other *others)
{
	printf("usage:\n");
	print_commands(group, others);
	printf("\n`sluice %s add --help` and so on have the options.\n", group);
	return CLI_DONE;
}

static void print_help(enum cli_command_id id)
{
	char title[32];

	printf("usage: sluice %s%s%s [OPTION...]\n\n%s\n\noptions:\n",
	       title_of(&cli_commands[id], title), *cli_commands[id].operands ? " " : "",
	       cli_commands[id].operands, cli_commands[id].help);
	cli_print_options(id);
}

/* The error of somebody who typed something else than can be. */
static int refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int refuse(const char *format, ...)
{
	_cleanup_buf_ struct buf line;
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_init(&line);
	text_put_escaped(&line, text, strlen(text));
	fprintf(stderr, "sluice: %s\n", line.failed ? "out of memory" : line.data);
	return CLI_ERROR;
}

/* CLI_N_COMMANDS if there is none; *ret_used: how many words name it. */
static enum cli_command_id find_command(int n_args, char *const *args, int *ret_used)
{
	enum cli_command_id id = 0;

	for (; id < CLI_N_COMMANDS; id++) {
		const struct cli_command *command = &cli_commands[id];
		const char *words[] = {command->group ? command->group : command->name,
				       command->name};

		*ret_used = command->group ? 2 : 1;
		if (n_args >= *ret_used && strcmp(args[0], words[0]) == 0 &&
		    (*ret_used == 1 || strcmp(args[1], words[1]) == 0))
			break;
	}
	return id;
}

static size_t find_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ||
	    size.ws_col == 0)
		return WIDTH_BY_DEFAULT;
	return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

/* stdout first: a line on stderr is about what is above it. */
static int finish(struct cli *cli, enum cli_status status)
{
	if (cli->out.failed)
		status = cli_fail(cli, "out of memory");
	else if (cli->out.len > 0)
		fwrite(cli->out.data, 1, cli->out.len, stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = cli_fail(cli, "cannot write the output: %s%s", strerror(errno),
				  cli->regret.len > 0 ? cli->regret.data : "");
	if (status == CLI_ERROR)
		fprintf(stderr, "sluice: %s\n",
			cli->problem.len > 0 && !cli->problem.failed ? cli->problem.data :
								       "out of memory");
	else if (cli->note.len > 0 && !cli->note.failed)
		fprintf(stderr, "sluice: %s\n", cli->note.data);
	return status;
}

static int run(struct cli *cli)
{
	const struct cli_command *command = &cli_commands[cli->command];
	const char *output = cli_text(&cli->arguments, CLI_OUTPUT);
	enum cli_status status = cli_connect(cli);

	cli->json = output && strcmp(output, "json") == 0;
	cli->width = find_width();
	if (status == CLI_DONE)
		status = command->run(cli);
	return finish(cli, status);
}

void cli_done(struct cli *cli)
{
	httpc_free(cli->httpc);
	if (cli->key.len > 0)
		explicit_bzero(cli->key.data, cli->key.len);
	buf_done(&cli->key);
	buf_done(&cli->out);
	buf_done(&cli->problem);
	buf_done(&cli->note);
	buf_done(&cli->regret);
}

static int run_command(enum cli_command_id id, int n_args, char *const *args)
{
	const struct cli_command *command = &cli_commands[id];
	_cleanup_(cli_done) struct cli cli = {.command = id};
	struct field_error error = {.field = ""};
	char title[32];

	title_of(command, title);
	if (cli_parse(id, n_args, args, &error, &cli.arguments))
		return refuse("%s: %s; see `sluice %s --help`", error.field, error.message, title);
	if (cli_has(&cli.arguments, CLI_HELP)) {
		print_help(id);
		return finish(&cli, CLI_DONE);
	}
	if (cli.arguments.n_operands < command->least)
		return refuse("%s: needs %s; see `sluice %s --help`", title, command->operands,
			      title);
	if (cli.arguments.n_operands > command->most)
		return refuse("%s: '%s' is one word too many; see `sluice %s --help`", title,
			      cli.arguments.operands[command->most], title);
	return run(&cli);
}

bool cli_knows(const char *word)
{
	for (size_t i = 0; i < CLI_N_COMMANDS; i++)
		if (strcmp(cli_commands[i].group ?: cli_commands[i].name, word) == 0)
			return true;
	return false;
}

int cli_run(int n_args, char *const *args, const struct cli_other *others)
{
	int used;
	enum cli_command_id id = find_command(n_args, args, &used);

	text_init();
	if (id < CLI_N_COMMANDS)
		return run_command(id, n_args - used, args + used);
	/* Only a group comes here: the words of others are found. */
	if (n_args > 1 && (strcmp(args[1], "--help") == 0 || strcmp(args[1], "-h") == 0))
		return print_group(args[0], others);
	if (n_args > 1)
		return refuse("%s: there is no command '%s'; see `sluice %s --help`", args[0],
			      args[1], args[0]);
	return refuse("%s: a command is needed; see `sluice %s --help`", args[0], args[0]);
}
