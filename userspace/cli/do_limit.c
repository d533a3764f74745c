/* `sluice limit ...`: lists, makes, shows, changes, removes, resets and confirms limits. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/body_priv.h"
#include "cli/limit_view_priv.h"
#include "cli/session_priv.h"

static const char limits_path[] = "/api/limits/";

static const char *id_of(const struct cli *cli)
{
	return cli->arguments.operands[0];
}

static const struct cli_list all = {.path = "/api/limits?limit=1000", .member = "limits"};
static const struct cli_list all_counted = {.path = "/api/limits?limit=1000&stats=1",
					    .member = "limits"};

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

static void count_row(const struct json *limit, void *data)
{
	const struct json *stats = json_member(limit, "stats");
	struct grid *grid = data;
	_cleanup_buf_ struct buf subject;

	buf_init(&subject);
	limit_view_subject(limit, &subject);
	grid_put_str(grid, view_text(limit, "id"));
	grid_printf(grid, "%" PRId64 "/%s", view_integer(limit, "limit", 0),
		    view_text(limit, "interval"));
	grid_printf(grid, "%" PRId64, stats ? view_integer(stats, "allowed", 0) : 0);
	grid_printf(grid, "%" PRId64, stats ? view_integer(stats, "denied", 0) : 0);
	grid_put_str(grid, view_text(limit, "mode"));
	grid_put(grid, subject.len ? subject.data : "", subject.len);
	if (subject.failed)
		grid->cells.failed = true;
}

enum cli_status cli_limit_list(struct cli *cli)
{
	static const char empty[] = "There are no limits; `sluice limit add --help` says how to "
				    "make one.";
	static const struct grid_column columns[] = {
		{.title = "ID"},
		{.title = "LIMIT", .right = true},
		{.title = "UNIT"},
		{.title = "MODE"},
		{.title = "OF", .may_cut = true},
		{.title = "NAME", .may_cut = true},
	};
	static const struct grid_column counts[] = {
		{.title = "ID"},
		{.title = "LIMIT", .right = true},
		{.title = "ALLOWED", .right = true},
		{.title = "DENIED", .right = true},
		{.title = "MODE"},
		{.title = "OF", .may_cut = true},
	};
	static const struct cli_table table = {columns, sizeof(columns) / sizeof(columns[0]),
					       list_row, empty};
	static const struct cli_table counted = {counts, sizeof(counts) / sizeof(counts[0]),
						 count_row, empty};

	if (cli_has(&cli->arguments, CLI_STATS))
		return cli_show_list(cli, &all_counted, &counted);
	return cli_show_list(cli, &all, &table);
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
	if (!packet && (cli_body_has_match(arguments) || cli_has(arguments, CLI_PER)))
		return cli_fail(cli,
				"limit add: --proto, --dst-port, --dst, --src and --per are of "
				"packets: give --packet instead of KEY");
	cli_body_write(arguments, key, NULL, &body);
	return cli_ask_and_show(cli, &question, limit_view_details);
}

enum cli_status cli_limit_show(struct cli *cli)
{
	const struct cli_question question = {
		.method = "GET", .path = limits_path, .id = id_of(cli)};

	return cli_ask_and_show(cli, &question, limit_view_details);
}

/*
 * The server takes a match as a whole: what was not typed comes from the present one, and the
 * change is only for the revision that was read.
 */
static enum cli_status merge_match(struct cli *cli, char etag[CLI_ETAG_SIZE], struct buf *body)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	const struct cli_question question = {
		.method = "GET", .path = limits_path, .id = id_of(cli)};
	const struct json *match;

	if (cli_ask_object(cli, &question, &reply))
		return CLI_ERROR;
	match = json_member(json_root(reply.document), "match");
	cli_body_write(&cli->arguments, NULL, match, body);
	if (!cli_has(&cli->arguments, CLI_IF_REVISION))
		snprintf(etag, CLI_ETAG_SIZE, "\"%" PRId64 "\"",
			 view_integer(json_root(reply.document), "revision", 0));
	return CLI_DONE;
}

enum cli_status cli_limit_set(struct cli *cli)
{
	char etag[CLI_ETAG_SIZE] = "";
	_cleanup_buf_ struct buf body = {0};
	struct cli_question question = {
		.method = "PUT", .path = limits_path, .id = id_of(cli), .body = &body};

	if (!cli_body_has(&cli->arguments))
		return cli_fail(cli, "limit set: needs what to change, such as --limit N; "
				     "see `sluice limit set --help`");
	question.if_match = cli_typed_etag(cli, etag);
	if (!cli_body_has_match(&cli->arguments)) {
		cli_body_write(&cli->arguments, NULL, NULL, &body);
	} else {
		if (merge_match(cli, etag, &body))
			return CLI_ERROR;
		question.if_match = etag;
	}
	return cli_ask_and_show(cli, &question, limit_view_details);
}

enum cli_status cli_limit_rm(struct cli *cli)
{
	char etag[CLI_ETAG_SIZE];
	const struct cli_question question = {.method = "DELETE",
					      .path = limits_path,
					      .id = id_of(cli),
					      .if_match = cli_typed_etag(cli, etag)};

	return cli_ask_and_say(cli, &question, "removed");
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
	return cli_ask_and_say(cli, &question, "reset");
}

enum cli_status cli_limit_confirm(struct cli *cli)
{
	const struct cli_question question = {
		.method = "POST", .path = limits_path, .id = id_of(cli), .verb = "/confirm"};

	return cli_ask_and_show(cli, &question, limit_view_details);
}
