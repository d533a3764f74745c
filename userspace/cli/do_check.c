/* `sluice check KEY`: asks whether a key may pass. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "cli/limit_view_priv.h"
#include "cli/session_priv.h"
#include "cli/text_priv.h"
#include "json/writer.h"

static void write_body(const struct cli_arguments *arguments, struct buf *body)
{
	const char *cost = cli_text(arguments, CLI_COST);
	struct json_writer writer;
	int64_t number;

	json_writer_init(&writer, body);
	json_begin_object(&writer);
	json_name(&writer, "key");
	json_put_str(&writer, arguments->operands[0]);
	if (cost && number_parse_s64(cost, strlen(cost), &number) == 0) {
		json_name(&writer, "cost");
		json_put_s64(&writer, number);
	}
	if (cli_has(arguments, CLI_PEEK)) {
		json_name(&writer, "peek");
		json_put_bool(&writer, true);
	}
	json_end_object(&writer);
}

/* A time in milliseconds; "-" for none, "never" for null. */
static void format_time(const struct json *object, const char *name, char text[TIME_TEXT_SIZE])
{
	int64_t ms = view_integer(object, name, -1);

	if (ms < 0)
		snprintf(text, TIME_TEXT_SIZE, "never");
	else if (ms == 0)
		snprintf(text, TIME_TEXT_SIZE, "-");
	else
		text_format_ms((uint64_t)ms, text);
}

static void write_verdict(const struct cli *cli, const struct json *check, bool allowed,
			  struct buf *out)
{
	const char *key = cli->arguments.operands[0];
	char retry[TIME_TEXT_SIZE];

	if (cli_has(&cli->arguments, CLI_PEEK))
		buf_put_str(out, "would be ");
	buf_put_str(out, allowed ? "allowed: " : "denied: ");
	text_put_escaped(out, key, strlen(key));
	if (view_integer(check, "limit", -1) >= 0)
		buf_printf(out, ", %" PRId64 " of %" PRId64 " left",
			   view_integer(check, "remaining", 0), view_integer(check, "limit", 0));
	else
		buf_put_str(out, ", no limit in force covers it");
	format_time(check, "retry_after_ms", retry);
	if (!allowed && view_integer(check, "retry_after_ms", -1) < 0)
		buf_put_str(out, ", and no waiting helps: the cost is more than it ever holds");
	else if (!allowed)
		buf_printf(out, ", retry after %s", retry);
	buf_put_char(out, '\n');
}

static void put_row(struct grid *grid, const struct json *limit)
{
	char retry[TIME_TEXT_SIZE], reset[TIME_TEXT_SIZE];

	format_time(limit, "retry_after_ms", retry);
	format_time(limit, "reset_after_ms", reset);
	grid_put_str(grid, view_text(limit, "id"));
	grid_printf(grid, "%" PRId64, view_integer(limit, "limit", 0));
	grid_printf(grid, "%" PRId64, view_integer(limit, "remaining", 0));
	grid_put_str(grid, retry);
	grid_put_str(grid, reset);
	grid_put_str(grid, view_text(limit, "mode"));
}

static void write_limits(const struct cli *cli, const struct json *limits, struct buf *out)
{
	static const struct grid_column columns[] = {
		{.title = "ID"},
		{.title = "LIMIT", .right = true},
		{.title = "LEFT", .right = true},
		{.title = "RETRY", .right = true},
		{.title = "RESET", .right = true},
		{.title = "MODE"},
	};
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < json_array_len(limits); i++)
		put_row(&grid, json_array_at(limits, i));
	grid_write(&grid, cli->width, out);
}

enum cli_status cli_check(struct cli *cli)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	_cleanup_buf_ struct buf body;
	struct cli_question question = {.method = "POST", .path = "/api/check", .body = &body};
	const struct json *check, *allowed, *limits;

	buf_init(&body);
	write_body(&cli->arguments, &body);
	if (cli_ask_object(cli, &question, &reply))
		return CLI_ERROR;
	check = json_root(reply.document);
	allowed = json_member(check, "allowed");
	limits = json_member(check, "limits");
	if (!allowed || json_type_of(allowed) != JSON_BOOL)
		return cli_fail(cli,
				"%s did not say whether the key may pass: see SLUICE_URL or --url",
				cli->url);
	if (cli->json) {
		cli_put_json(cli, &reply);
	} else {
		write_verdict(cli, check, json_bool(allowed), &cli->out);
		if (limits && json_type_of(limits) == JSON_ARRAY)
			write_limits(cli, limits, &cli->out);
	}
	return json_bool(allowed) ? CLI_DONE : CLI_DENIED;
}
