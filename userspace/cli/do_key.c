/* `sluice key ...`: lists, makes, shows, changes and revokes API keys. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/body_priv.h"
#include "cli/key_view_priv.h"
#include "cli/session_priv.h"
#include "cli/text_priv.h"

static const char keys_path[] = "/api/keys/";
static const struct cli_list all = {.path = "/api/keys?limit=1000", .member = "keys"};

static const char *id_of(const struct cli *cli)
{
	return cli->arguments.operands[0];
}

static void list_row(const struct json *key, void *data)
{
	struct grid *grid = data;
	_cleanup_buf_ struct buf rights = {0};
	char expiry[VIEW_DATE_SIZE], use[VIEW_DATE_SIZE];

	key_view_rights(key, &rights);
	key_view_expiry(key, expiry);
	key_view_use(key, use);
	grid_put_str(grid, view_text(key, "id"));
	grid_put_str(grid, view_text(key, "name"));
	grid_put(grid, rights.len ? rights.data : "", rights.len);
	grid_put_str(grid, expiry);
	grid_put_str(grid, use);
	if (rights.failed)
		grid->cells.failed = true;
}

enum cli_status cli_key_list(struct cli *cli)
{
	static const struct grid_column columns[] = {
		{.title = "ID"},
		{.title = "NAME", .may_cut = true},
		{.title = "RIGHTS", .may_cut = true},
		{.title = "EXPIRES"},
		{.title = "LAST USED"},
	};
	static const struct cli_table table = {columns, sizeof(columns) / sizeof(columns[0]),
					       list_row, NULL};

	return cli_show_list(cli, &all, &table);
}

/* It goes to a terminal as it is: what another server sends must not steer that. */
static bool is_token(const char *text)
{
	size_t len = 0;

	while (text[len] > ' ' && text[len] < 0x7F)
		len++;
	return len > 0 && text[len] == '\0';
}

/* stdout has the token and nothing else, for TOKEN=$(sluice key add ...). */
static enum cli_status show_token(struct cli *cli, const struct json *key)
{
	const char *token = view_text(key, "token"), *id = view_text(key, "id");

	if (!is_token(token))
		return cli_fail(cli,
				"%s made API key %s without showing its token: is this the address "
				"of a Sluice? If so, `sluice key rm %s`",
				cli->url, id, id);
	buf_printf(&cli->out, "%s\n", token);
	buf_put_str(&cli->note, "API key ");
	text_put_escaped(&cli->note, id, strlen(id));
	buf_put_str(&cli->note, " is made; keep its token now: nobody can show it again");
	return CLI_DONE;
}

enum cli_status cli_key_add(struct cli *cli)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	_cleanup_buf_ struct buf body = {0};
	const struct cli_question question = {.method = "POST", .path = "/api/keys", .body = &body};

	if (!cli_has(&cli->arguments, CLI_NAME))
		return cli_fail(cli, "key add: needs --name, so that it can be told from others");
	if (!cli_has(&cli->arguments, CLI_RIGHT))
		return cli_fail(cli, "key add: needs --right, such as --right check; "
				     "see `sluice key add --help`");
	cli_body_write(&cli->arguments, NULL, NULL, &body);
	if (cli_ask_object(cli, &question, &reply))
		return CLI_ERROR;
	buf_printf(&cli->regret, ": the key is made and its token lost; `sluice key rm %s`",
		   view_text(json_root(reply.document), "id"));
	if (!cli->json)
		return show_token(cli, json_root(reply.document));
	cli_put_json(cli, &reply);
	return CLI_DONE;
}

enum cli_status cli_key_show(struct cli *cli)
{
	const struct cli_question question = {.method = "GET", .path = keys_path, .id = id_of(cli)};

	return cli_ask_and_show(cli, &question, key_view_details);
}

enum cli_status cli_key_set(struct cli *cli)
{
	char etag[CLI_ETAG_SIZE];
	_cleanup_buf_ struct buf body = {0};
	const struct cli_question question = {.method = "PUT",
					      .path = keys_path,
					      .id = id_of(cli),
					      .body = &body,
					      .if_match = cli_typed_etag(cli, etag)};

	if (!cli_body_has(&cli->arguments))
		return cli_fail(cli, "key set: needs what to change, such as --expires-in 30d; "
				     "see `sluice key set --help`");
	cli_body_write(&cli->arguments, NULL, NULL, &body);
	return cli_ask_and_show(cli, &question, key_view_details);
}

enum cli_status cli_key_rm(struct cli *cli)
{
	char etag[CLI_ETAG_SIZE];
	const struct cli_question question = {.method = "DELETE",
					      .path = keys_path,
					      .id = id_of(cli),
					      .if_match = cli_typed_etag(cli, etag)};

	return cli_ask_and_say(cli, &question, "revoked");
}
