/* Shell completion, made from the tables of commands and options. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_priv.h"

static const char script_head[] =
	"_sluice() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	"	local first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-}\n"
	"	COMPREPLY=()\n"
	"	# --mode=shadow is three words to bash.\n"
	"	if [[ $prev == '=' ]]; then\n"
	"		prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"	elif [[ $cur == '=' ]]; then\n"
	"		cur=\n"
	"	fi\n";

static const char script_tail[] = "	COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
				  "}\n"
				  "complete -F _sluice sluice\n";

/* Values of the option before the cursor. */
static void print_values(void)
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
	printf("	*) _sluice_words ;;\n	esac\n");
}

/* The first words, each once: commands that stand in a group share theirs. */
static void print_first_words(const struct cli_other *others)
{
	const char *group = "";

	for (; others->name; others++)
		printf("%s ", others->name);
	for (size_t i = 0; i < CLI_N_COMMANDS; i++) {
		const struct cli_command *command = &cli_commands[i];

		if (!command->group)
			printf("%s ", command->name);
		else if (strcmp(command->group, group) != 0)
			printf("%s ", command->group);
		group = command->group ? command->group : "";
	}
}

static void print_options_of(enum cli_command_id command)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++)
		if (cli_takes(command, id))
			printf("%s ", cli_options[id].name);
}

/* Those of other rooms may take files, which bash finds best itself. */
static void print_others(const struct cli_other *others)
{
	for (; others->name; others++) {
		_cleanup_buf_ struct buf words;

		buf_init(&words);
		if (!others->put_words)
			continue;
		others->put_words(&words);
		printf("	'%s '*) [[ $cur == -* ]] || compopt -o default 2>/dev/null\n"
		       "		words='%s' ;;\n",
		       others->name, words.failed || words.len == 0 ? "" : words.data);
	}
	printf("	'completion '*) words=bash ;;\n");
}

static void print_group(const char *group)
{
	printf("	'%s ') words='", group);
	for (size_t i = 0; i < CLI_N_COMMANDS; i++)
		if (cli_commands[i].group && strcmp(cli_commands[i].group, group) == 0)
			printf("%s ", cli_commands[i].name);
	printf("' ;;\n");
}

/* Words by the command that stands on the line; bash sees the locals of its caller. */
static void print_words(const struct cli_other *others)
{
	const char *group = "";

	printf("# bash completion of sluice; load it with: source <(sluice completion bash)\n"
	       "_sluice_words() {\n"
	       "	[[ $COMP_CWORD -gt 1 ]] || first=\n"
	       "	[[ $COMP_CWORD -gt 2 ]] || second=\n"
	       "	case \"$first $second\" in\n"
	       "	' ') words='");
	print_first_words(others);
	printf("' ;;\n");
	print_others(others);
	for (enum cli_command_id id = 0; id < CLI_N_COMMANDS; id++) {
		const struct cli_command *command = &cli_commands[id];

		if (command->group && strcmp(command->group, group) != 0) {
			group = command->group;
			print_group(group);
		}
		if (command->group)
			printf("	'%s %s') words='", command->group, command->name);
		else
			printf("	'%s '*) words='", command->name);
		print_options_of(id);
		printf("' ;;\n");
	}
	printf("	esac\n}\n");
}

int cli_completion(int n_args, char *const *args, const struct cli_other *others)
{
	if (n_args != 2 || strcmp(args[1], "bash") != 0) {
		fprintf(stderr, "sluice: completion: the one shell known is bash: "
				"`source <(sluice completion bash)`\n");
		return CLI_ERROR;
	}
	print_words(others);
	printf("%s", script_head);
	print_values();
	printf("%s", script_tail);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_DONE;
	fprintf(stderr, "sluice: completion: cannot write the script\n");
	return CLI_ERROR;
}
