/* `sluice limit ...`: lists, makes, shows, changes, removes, resets and confirms limits. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/limit_body_priv.h"
#include "cli/limit_view_priv.h"
#include "cli/session_priv.h"

enum {
	ETAG_SIZE = 32,
};

static const char limits_path[] = "/api/limits/";

static const char *id_of(const struct cli *cli)
{
	return cli->arguments.operands[0];
}

static void list_row(const struct json *limit, void *data)
{
	struct grid *grid = data;
	_cleanup_buf_ struct buf subject;

	buf_init(&subject);
	limit_view_subject(limit, &subject);
	grid_put_str(grid, view_text(limit, "id"));
	grid_printf(grid, "%" PRId64 "/%s", view_integer(limit, "limit", 0),
		    view_text(limit, "interval"));
	grid_put_str(grid, view_text(limit, "unit"));
	grid_put_str(grid, view_text(limit, "mode"));
	grid_put(grid, subject.len ? subject.data : "", subject.len);
	grid_put_str(grid, view_text(limit, "name"));
	if (subject.failed)
		grid->cells.failed = true;
}

static enum cli_status list_table(struct cli *cli)
{
	static const struct grid_column columns[] = {
		{.title = "ID"},
		{.title = "LIMIT", .right = true},
		{.title = "UNIT"},
		{.title = "MODE"},
		{.title = "OF", .may_cut = true},
		{.title = "NAME", .may_cut = true},
	};
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	if (cli_each_limit(cli, list_row, &grid))
		return CLI_ERROR;
	if (grid.n_cells == 0)
		buf_put_str(&cli->out, "There are no limits; `sluice limit add --help` says how to "
				       "make one.\n");
	else
		grid_write(&grid, cli->width, &cli->out);
	return CLI_DONE;
}

static void list_copy(const struct json *limit, void *data)
{
	json_put_copy(data, limit);
}

/* One object, whatever the number of pages. */
static enum cli_status list_json(struct cli *cli)
{
	struct json_writer writer;
	enum cli_status status;

	json_writer_init(&writer, &cli->out);
	json_begin_object(&writer);
	json_name(&writer, "limits");
	json_begin_array(&writer);
	status = cli_each_limit(cli, list_copy, &writer);
	json_end_array(&writer);
	json_name(&writer, "next_cursor");
	json_put_null(&writer);
	json_end_object(&writer);
	buf_put_char(&cli->out, '\n');
	if (status)
		buf_clear(&cli->out);
	return status;
}

enum cli_status cli_limit_list(struct cli *cli)
{
	return cli->json ? list_json(cli) : list_table(cli);
}

/* Asks, and shows the limit that is the answer. */
static enum cli_status ask_and_show(struct cli *cli, const struct cli_question *question)
{
	_cleanup_reply_ struct cli_reply reply = {0};

	if (cli_ask_object(cli, question, &reply))
		return CLI_ERROR;
	if (cli->json)
		cli_put_json(cli, &reply);
	else
		limit_view_details(json_root(reply.document), &cli->out);
	return CLI_DONE;
}

/* Asks for something whose answer is empty, and says that it is done. */
static enum cli_status ask_and_say(struct cli *cli, const struct cli_question *question,
				   const char *done)
{
	_cleanup_reply_ struct cli_reply reply = {0};

	if (cli_ask(cli, question, &reply))
		return CLI_ERROR;
	if (!cli->json)
		buf_printf(&cli->out, "%s: %s\n", question->id, done);
	return CLI_DONE;
}

enum cli_status cli_limit_add(struct cli *cli)
{
	const struct cli_arguments *arguments = &cli->arguments;
	const char *key = arguments->n_operands > 0 ? arguments->operands[0] : NULL;
	bool packet = cli_has(arguments, CLI_PACKET);
	_cleanup_buf_ struct buf body = {0};
	struct cli_question question = {.method = "POST", .path = "/api/limits", .body = &body};

	if (packet && key)
		return cli_fail(cli,
				"%s: a limit is of a KEY or, with --packet, of packets: "
				"leave one out",
				key);
	if (!packet && !key)
		return cli_fail(cli, "limit add: needs a KEY or --packet; "
				     "see `sluice limit add --help`");
	if (!packet && (limit_body_has_match(arguments) || cli_has(arguments, CLI_PER)))
		return cli_fail(cli,
				"limit add: --proto, --dst-port, --dst, --src and --per are of "
				"packets: give --packet instead of KEY");
	limit_body_write(arguments, key, NULL, &body);
	return ask_and_show(cli, &question);
}

enum cli_status cli_limit_show(struct cli *cli)
{
	const struct cli_question question = {
		.method = "GET", .path = limits_path, .id = id_of(cli)};

	return ask_and_show(cli, &question);
}

/* The ETag that --if-revision asks for, or NULL. */
static const char *typed_etag(const struct cli *cli, char etag[ETAG_SIZE])
{
	const char *revision = cli_text(&cli->arguments, CLI_IF_REVISION);

	if (!revision)
		return NULL;
	snprintf(etag, ETAG_SIZE, "\"%s\"", revision);
	return etag;
}

/*
 * The server takes a match as a whole: what was not typed comes from the present one, and the
 * change is only for the revision that was read.
 */
static enum cli_status merge_match(struct cli *cli, char etag[ETAG_SIZE], struct buf *body)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	const struct cli_question question = {
		.method = "GET", .path = limits_path, .id = id_of(cli)};
	const struct json *match;

	if (cli_ask_object(cli, &question, &reply))
		return CLI_ERROR;
	match = json_member(json_root(reply.document), "match");
	limit_body_write(&cli->arguments, NULL, match, body);
	if (!cli_has(&cli->arguments, CLI_IF_REVISION))
		snprintf(etag, ETAG_SIZE, "\"%" PRId64 "\"",
			 view_integer(json_root(reply.document), "revision", 0));
	return CLI_DONE;
}

enum cli_status cli_limit_set(struct cli *cli)
{
	char etag[ETAG_SIZE] = "";
	_cleanup_buf_ struct buf body = {0};
	struct cli_question question = {
		.method = "PUT", .path = limits_path, .id = id_of(cli), .body = &body};

	if (!limit_body_has(&cli->arguments))
		return cli_fail(cli, "limit set: needs what to change, such as --limit N; "
				     "see `sluice limit set --help`");
	question.if_match = typed_etag(cli, etag);
	if (!limit_body_has_match(&cli->arguments)) {
		limit_body_write(&cli->arguments, NULL, NULL, &body);
	} else {
		if (merge_match(cli, etag, &body))
			return CLI_ERROR;
		question.if_match = etag;
	}
	return ask_and_show(cli, &question);
}

enum cli_status cli_limit_rm(struct cli *cli)
{
	char etag[ETAG_SIZE];
	const struct cli_question question = {.method = "DELETE",
					      .path = limits_path,
					      .id = id_of(cli),
					      .if_match = typed_etag(cli, etag)};

	return ask_and_say(cli, &question, "removed");
}

enum cli_status cli_limit_reset(struct cli *cli)
{
	_cleanup_buf_ struct buf body = {0};
	struct cli_question question = {
		.method = "POST", .path = limits_path, .id = id_of(cli), .verb = "/reset"};
	struct json_writer writer;

	if (cli->arguments.n_operands > 1) {
		json_writer_init(&writer, &body);
		json_begin_object(&writer);
		json_name(&writer, "key");
		json_put_str(&writer, cli->arguments.operands[1]);
		json_end_object(&writer);
		question.body = &body;
	}
	return ask_and_say(cli, &question, "reset");
}

enum cli_status cli_limit_confirm(struct cli *cli)
{
	const struct cli_question question = {
		.method = "POST", .path = limits_path, .id = id_of(cli), .verb = "/confirm"};

	return ask_and_show(cli, &question);
}
