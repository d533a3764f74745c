/* Writes the body of a limit or API key: each option that has a member, in the order of the table. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/number.h"
#include "cli/body_priv.h"

static const char match_prefix[] = "match.";

/* The member's name inside `match`, or NULL. */
static const char *match_member(const struct cli_option *option)
{
	const size_t len = sizeof(match_prefix) - 1;

	return option->member && strncmp(option->member, match_prefix, len) == 0 ?
		       option->member + len :
		       NULL;
}

bool cli_body_has(const struct cli_arguments *arguments)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++)
		if (cli_options[id].member && cli_has(arguments, id))
			return true;
	return false;
}

bool cli_body_has_match(const struct cli_arguments *arguments)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++)
		if (match_member(&cli_options[id]) && cli_has(arguments, id))
			return true;
	return false;
}

/* A whole number as such, so that 53 is a port and not a text. */
static void put_item(struct json_writer *writer, const char *text, size_t len)
{
	uint64_t number;

	if (number_parse_u64(text, len, &number) == 0)
		json_put_u64(writer, number);
	else
		json_put_string(writer, text, len);
}

/* All values of a list, those between commas one by one. */
static void put_list(struct json_writer *writer, const struct cli_given *given)
{
	json_begin_array(writer);
	for (size_t i = 0; i < given->n; i++) {
		const char *at = given->texts[i];

		for (;;) {
			size_t len = strcspn(at, ",");

			put_item(writer, at, len);
			if (!at[len])
				break;
			at += len + 1;
		}
	}
	json_end_array(writer);
}

static void put_value(struct json_writer *writer, const struct cli_option *option,
		      const struct cli_given *given)
{
	const char *text = given->texts[0];
	int64_t number;

	if (option->kind == CLI_LIST_OF)
		put_list(writer, given);
	else if (option->kind == CLI_FLAG)
		json_put_str(writer, "packet");
	else if (!*text)
		json_put_null(writer);
	else if (option->kind == CLI_NUMBER && number_parse_s64(text, strlen(text), &number) == 0)
		json_put_s64(writer, number);
	else
		json_put_str(writer, text);
}

static void put_match(struct json_writer *writer, const struct cli_arguments *arguments,
		      const struct json *match)
{
	json_begin_object(writer);
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const char *member = match_member(&cli_options[id]);
		const struct cli_given *given = &arguments->given[id];
		const struct json *old = member && match ? json_member(match, member) : NULL;

		if (!member || (given->n == 1 && !*given->texts[0]) || (given->n == 0 && !old))
			continue;
		json_name(writer, member);
		if (given->n > 0)
			put_value(writer, &cli_options[id], given);
		else
			json_put_copy(writer, old);
	}
	json_end_object(writer);
}

void cli_body_write(const struct cli_arguments *arguments, const char *key,
		    const struct json *match, struct buf *ret)
{
	struct json_writer writer;

	json_writer_init(&writer, ret);
	json_begin_object(&writer);
	if (key) {
		json_name(&writer, "key");
		json_put_str(&writer, key);
	}
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const struct cli_option *option = &cli_options[id];

		if (!option->member || match_member(option) || !cli_has(arguments, id))
			continue;
		json_name(&writer, option->member);
		put_value(&writer, option, &arguments->given[id]);
	}
	if (cli_body_has_match(arguments)) {
		json_name(&writer, "match");
		put_match(&writer, arguments, match);
	}
	json_end_object(&writer);
}
