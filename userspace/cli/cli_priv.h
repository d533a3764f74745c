/* What the commands share: what was typed, the server, the output and the one line of error. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "cli/options_priv.h"
#include "httpc/httpc.h"
#include "json/json.h"

/* The exit statuses. */
enum cli_status {
	CLI_DONE = 0,
	CLI_DENIED = 1,
	CLI_ERROR = 2,
};

/* out is printed as a whole when the command is over, also when it failed; then on stderr problem,
 * or, when all went well, note. */
struct cli {
	enum cli_command_id command;
	struct cli_arguments arguments;
	struct httpc *httpc;
	struct buf key;       /* the API key */
	const char *key_from; /* "SLUICE_API_KEY", or the file's name */
	const char *url;
	bool json;    /* -o json */
	size_t width; /* columns of a table */
	struct buf out;
	struct buf problem;
	struct buf note;   /* one line for people, where out is for programs */
	struct buf regret; /* what stays when out cannot be written, and what to do about it */
};

/* Frees all of it, and wipes the key. */
void cli_done(struct cli *cli);

struct cli_command {
	const char *group; /* "limit", or NULL */
	const char *name;
	const char *operands; /* "ID [KEY]" */
	size_t least, most;   /* operands */
	const char *help;
	enum cli_status (*run)(struct cli *cli);
};

extern const struct cli_command cli_commands[CLI_N_COMMANDS];

enum cli_status cli_check(struct cli *cli);
enum cli_status cli_limit_list(struct cli *cli);
enum cli_status cli_limit_add(struct cli *cli);
enum cli_status cli_limit_show(struct cli *cli);
enum cli_status cli_limit_set(struct cli *cli);
enum cli_status cli_limit_rm(struct cli *cli);
enum cli_status cli_limit_reset(struct cli *cli);
enum cli_status cli_limit_confirm(struct cli *cli);
enum cli_status cli_key_list(struct cli *cli);
enum cli_status cli_key_add(struct cli *cli);
enum cli_status cli_key_show(struct cli *cli);
enum cli_status cli_key_set(struct cli *cli);
enum cli_status cli_key_rm(struct cli *cli);
enum cli_status cli_audit(struct cli *cli);
enum cli_status cli_usage(struct cli *cli);
enum cli_status cli_top(struct cli *cli);
enum cli_status cli_show_status(struct cli *cli);

/* "limit", also for commands that stand alone. */
const char *cli_group(const struct cli *cli);

/* Sets the one line of error, escaped. Returns CLI_ERROR. */
enum cli_status cli_fail(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for an answer of 400 or above; *body may be anything. */
enum cli_status cli_fail_answer(struct cli *cli, unsigned int status, const struct buf *body);
