/* The one table of options: parsing, help, completion and bodies come from it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/field_error.h"

/* What was typed is wrong; *error names the option or operand. */
#define CLI_E_INVALID 1

enum {
	CLI_VALUES_MAX = 64, /* how often one option may be given */
	CLI_OPERANDS_MAX = 2,
};

enum cli_command_id {
	CLI_CHECK,
	CLI_LIST,
	CLI_ADD,
	CLI_SHOW,
	CLI_SET,
	CLI_RM,
	CLI_RESET,
	CLI_CONFIRM,
	CLI_KEY_LIST,
	CLI_KEY_ADD,
	CLI_KEY_SHOW,
	CLI_KEY_SET,
	CLI_KEY_RM,
	CLI_AUDIT,
	CLI_USAGE,
	CLI_TOP,
	CLI_STATUS,
	CLI_N_COMMANDS,
};

enum cli_option_id {
	CLI_COST,
	CLI_PEEK,
	CLI_PACKET,
	CLI_LIMIT,
	CLI_INTERVAL,
	CLI_BURST,
	CLI_ALGORITHM,
	CLI_MODE,
	CLI_NAME,
	CLI_RIGHT,
	CLI_EXPIRES_IN,
	CLI_CONFIRM_IN,
	CLI_PROTO,
	CLI_DST_PORT,
	CLI_DST,
	CLI_SRC,
	CLI_PER,
	CLI_UNIT,
	CLI_STATS,
	CLI_COUNT,
	CLI_OBJECT,
	CLI_ACTOR,
	CLI_SINCE,
	CLI_BY,
	CLI_FROM,
	CLI_TO,
	CLI_ONCE,
	CLI_IF_REVISION,
	CLI_OUTPUT,
	CLI_URL,
	CLI_CACERT,
	CLI_API_KEY_FILE,
	CLI_TIMEOUT,
	CLI_HELP,
	CLI_N_OPTIONS,
};

enum cli_kind {
	CLI_FLAG,
	CLI_TEXT,
	CLI_NUMBER,   /* a whole number, perhaps negative; '' sends null */
	CLI_WORD,     /* one of the choices */
	CLI_DURATION, /* of the client itself; those of limits are TEXT, for the server to judge */
	CLI_PATH,
	CLI_LIST_OF, /* repeatable, and several with commas; whole numbers among them are numbers */
};

struct cli_option {
	const char *name;
	const char *letter; /* "-o", or NULL */
	const char *value;  /* what stands for it in the help; NULL: a flag */
	const char *member; /* of the JSON that is sent, "match.dst" one of its match; NULL: none */
	const char *choices; /* some or all values, with blanks between */
	enum cli_kind kind;
	unsigned int commands; /* bits by cli_command_id */
	const char *help;
};

extern const struct cli_option cli_options[CLI_N_OPTIONS];

/* What was typed behind a command; borrows it. */
struct cli_arguments {
	const char *operands[CLI_OPERANDS_MAX];
	size_t n_operands;
	struct cli_given {
		const char *texts[CLI_VALUES_MAX];
		size_t n;
	} given[CLI_N_OPTIONS];
};

static inline bool cli_has(const struct cli_arguments *arguments, enum cli_option_id id)
{
	return arguments->given[id].n > 0;
}

/* The value of an option given once, or NULL. */
static inline const char *cli_text(const struct cli_arguments *arguments, enum cli_option_id id)
{
	return cli_has(arguments, id) ? arguments->given[id].texts[0] : NULL;
}

static inline bool cli_takes(enum cli_command_id command, enum cli_option_id id)
{
	return cli_options[id].commands >> command & 1;
}

/*
 * Reads `--name VALUE`, `--name=VALUE`, flags and operands in any order; behind `--` all are
 * operands. Everything is checked to be UTF-8. 0 or CLI_E_INVALID.
 */
int cli_parse(enum cli_command_id command, int n_args, char *const *args, struct field_error *error,
	      struct cli_arguments *ret);
/* The options of a command, a line each, to stdout. */
void cli_print_options(enum cli_command_id command);
