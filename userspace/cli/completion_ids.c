/* The ids that a shell offers: one page of them, or nothing. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "cli/completion_priv.h"
#include "cli/session_priv.h"
#include "cli/view_priv.h"

/* Nobody waits longer for a Tab. */
#define PATIENCE "500ms"

static const struct group {
	const char *name, *path, *member, *id_prefix;
} groups[] = {
	{"limit", "/api/limits?limit=1000", "limits", "lim_"},
	{"key", "/api/keys?limit=1000", "keys", "key_"},
};

static const struct group *find_group(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	return NULL;
}

/* Ids are in order: those that follow what was begun stand behind it. */
static void put_path(const struct group *group, const char *begun, struct buf *path)
{
	buf_put_str(path, group->path);
	if (strncmp(begun, group->id_prefix, strlen(group->id_prefix)) != 0)
		return;
	buf_put_str(path, "&cursor=");
	httpc_put_escaped(path, begun, strlen(begun));
}

/* bash expands what it offers, `$(...)` too: a server must not get that far with anything else. */
static bool is_id(const struct group *group, const char *text)
{
	size_t len = strlen(group->id_prefix);

	return strncmp(text, group->id_prefix, len) == 0 && strlen(text) < ID_SIZE &&
	       text[len + strspn(text + len, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static void print_ids(struct cli *cli, const struct group *group, const char *begun)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	_cleanup_buf_ struct buf path = {0};
	struct cli_question question = {.method = "GET"};
	const struct json *items;

	put_path(group, begun, &path);
	question.path = path.data;
	if (path.failed || cli_connect(cli) || cli_ask_object(cli, &question, &reply))
		return;
	items = json_member(json_root(reply.document), group->member);
	for (size_t i = 0; items && json_type_of(items) == JSON_ARRAY && i < json_array_len(items);
	     i++) {
		const char *id = view_text(json_array_at(items, i), "id");

		if (is_id(group, id))
			printf("%s\n", id);
	}
}

int cli_print_ids(int n_args, char *const *args)
{
	_cleanup_(cli_done) struct cli cli = {.command = CLI_LIST};
	const struct group *group = n_args > 0 ? find_group(args[0]) : NULL;

	cli.arguments.given[CLI_TIMEOUT] = (struct cli_given){.texts = {PATIENCE}, .n = 1};
	if (group)
		print_ids(&cli, group, n_args > 1 ? args[1] : "");
	return CLI_DONE;
}
