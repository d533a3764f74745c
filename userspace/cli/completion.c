/* Shell completion, made from the tables of commands and options. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_priv.h"
#include "cli/completion_priv.h"

enum {
	ROWS_MAX = 64,
};

/* A command of any room. */
struct row {
	const char *group, *name;
	const struct cli_other *other; /* NULL: of the cli, by its number */
	enum cli_command_id id;
};

static const char script_ids[] =
	"# What the server has, if it answers at once.\n"
	"_sluice_ids() {\n"
	"	[[ $cur == -* || $prev == *_* ]] && return\n"
	"	words+=\" $(\"${COMP_WORDS[0]}\" completion ids $1 \"$cur\" </dev/null 2>/dev/null)\"\n"
	"}\n";

/* bash takes limits:read and --mode=shadow for three words each. */
static const char script_head[] =
	"_sluice() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1)) begun= prev words=\n"
	"	local first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-}\n"
	"	COMPREPLY=()\n"
	"	if [[ $cur == : ]]; then\n"
	"		begun=${COMP_WORDS[at]}: cur= at=$((at - 1))\n"
	"	elif [[ $at -gt 1 && ${COMP_WORDS[at]} == : ]]; then\n"
	"		begun=${COMP_WORDS[at-1]}: at=$((at - 2))\n"
	"	fi\n"
	"	prev=${COMP_WORDS[at]}\n"
	"	if [[ $prev == '=' ]]; then\n"
	"		prev=${COMP_WORDS[at-1]}\n"
	"	elif [[ $cur == '=' ]]; then\n"
	"		cur=\n"
	"	fi\n";

static const char script_tail[] = "	COMPREPLY=($(compgen -W \"$words\" -- \"$begun$cur\"))\n"
				  "	COMPREPLY=(\"${COMPREPLY[@]#\"$begun\"}\")\n"
				  "}\n"
				  "complete -F _sluice sluice\n";

static size_t list_rows(const struct cli_other *others, struct row rows[ROWS_MAX])
{
	size_t n = 0;

	for (; others->name && n < ROWS_MAX; others++)
		if (others->help)
			rows[n++] = (struct row){others->group, others->name, others, 0};
	for (enum cli_command_id id = 0; id < CLI_N_COMMANDS && n < ROWS_MAX; id++)
		rows[n++] = (struct row){cli_commands[id].group, cli_commands[id].name, NULL, id};
	return n;
}

static const char *first_word(const struct row *row)
{
	return row->group ? row->group : row->name;
}

/* Whether no row before this one begins with the same word. */
static bool is_first(const struct row *rows, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(first_word(&rows[i]), first_word(&rows[at])) == 0)
			return false;
	return true;
}

static void print_choice(const char *option, const char *words)
{
	printf("	%s) words='%s' ;;\n", option, words);
}

/* Values of the option before the cursor. */
static void print_values(void (*each_choice)(void (*visit)(const char *option, const char *words)))
{
	printf("	case $prev in\n");
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const struct cli_option *option = &cli_options[id];

		if (!option->value)
			continue;
		printf("	%s%s%s) ", option->letter ? option->letter : "",
		       option->letter ? "|" : "", option->name);
		if (option->kind == CLI_PATH)
			printf("compopt -o default 2>/dev/null; return ;;\n");
		else
			printf("words='%s' ;;\n", option->choices ? option->choices : "");
	}
	each_choice(print_choice);
	printf("	*) _sluice_words ;;\n	esac\n");
}

static void print_options_of(enum cli_command_id command)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++)
		if (cli_takes(command, id))
			printf("%s ", cli_options[id].name);
}

/* Those of other rooms may take files, which bash finds best itself. */
static void print_other(const struct cli_other *other)
{
	_cleanup_buf_ struct buf words;

	buf_init(&words);
	if (other->put_words)
		other->put_words(&words);
	printf("[[ $cur == -* ]] || compopt -o default 2>/dev/null; words='%s' ;;\n",
	       words.failed || words.len == 0 ? "" : words.data);
}

static void print_row(const struct row *row)
{
	const struct cli_command *command = row->other ? NULL : &cli_commands[row->id];

	if (row->group)
		printf("	'%s %s') ", row->group, row->name);
	else
		printf("	'%s '*) ", row->name);
	if (row->other) {
		print_other(row->other);
		return;
	}
	printf("words='");
	print_options_of(row->id);
	printf("'");
	if (strstr(command->operands, "ID"))
		printf("; _sluice_ids %s", command->group ?: "limit");
	printf(" ;;\n");
}

static void print_group(const struct row *rows, size_t n, const char *group)
{
	printf("	'%s ') words='", group);
	for (size_t i = 0; i < n; i++)
		if (rows[i].group && strcmp(rows[i].group, group) == 0)
			printf("%s ", rows[i].name);
	printf("' ;;\n");
}

/* Words by the command that stands on the line; bash sees the locals of its caller. */
static void print_words(const struct row *rows, size_t n)
{
	printf("_sluice_words() {\n"
	       "	[[ $COMP_CWORD -gt 1 ]] || first=\n"
	       "	[[ $COMP_CWORD -gt 2 ]] || second=\n"
	       "	case \"$first $second\" in\n"
	       "	' ') words='");
	for (size_t i = 0; i < n; i++)
		if (is_first(rows, i))
			printf("%s ", first_word(&rows[i]));
	printf("' ;;\n	'completion '*) words=bash ;;\n");
	for (size_t i = 0; i < n; i++)
		if (rows[i].group && is_first(rows, i))
			print_group(rows, n, rows[i].group);
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i]);
	printf("	esac\n}\n");
}

static void print_script(const struct cli_other *others,
			 void (*each_choice)(void (*visit)(const char *option, const char *words)))
{
	struct row rows[ROWS_MAX];
	size_t n = list_rows(others, rows);

	printf("%s", script_ids);
	print_words(rows, n);
	printf("%s", script_head);
	print_values(each_choice);
	printf("%s", script_tail);
}

int cli_completion(int n_args, char *const *args, const struct cli_other *others,
		   void (*each_choice)(void (*visit)(const char *option, const char *words)))
{
	const char *shell = n_args > 1 ? args[1] : "";

	if (strcmp(shell, "ids") == 0)
		return cli_print_ids(n_args - 2, args + 2);
	if (n_args != 2 || strcmp(shell, "bash") != 0) {
		fprintf(stderr, "sluice: completion: the one shell known is bash: "
				"`source <(sluice completion bash)`\n");
		return CLI_ERROR;
	}
	printf("# bash completion of sluice; load it with: source <(sluice completion bash)\n");
	print_script(others, each_choice);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_DONE;
	fprintf(stderr, "sluice: completion: cannot write the script\n");
	return CLI_ERROR;
}
