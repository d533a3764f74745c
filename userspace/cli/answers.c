/* Answers as they came or for people, and lists through all of their pages. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/session_priv.h"
#include "cli/view_priv.h"
#include "json/copy.h"

void cli_put_json(struct cli *cli, const struct cli_reply *reply)
{
	const struct buf *body = &reply->answer.body;

	buf_put(&cli->out, body->data, body->len);
	if (body->len == 0 || body->data[body->len - 1] != '\n')
		buf_put_char(&cli->out, '\n');
}

enum cli_status cli_ask_and_show(struct cli *cli, const struct cli_question *question,
				 void (*view)(const struct json *object, struct buf *out))
{
	_cleanup_reply_ struct cli_reply reply = {0};

	if (cli_ask_object(cli, question, &reply))
		return CLI_ERROR;
	if (cli->json)
		cli_put_json(cli, &reply);
	else
		view(json_root(reply.document), &cli->out);
	return CLI_DONE;
}

enum cli_status cli_ask_and_say(struct cli *cli, const struct cli_question *question,
				const char *done)
{
	_cleanup_reply_ struct cli_reply reply = {0};

	if (cli_ask(cli, question, &reply))
		return CLI_ERROR;
	if (!cli->json)
		buf_printf(&cli->out, "%s: %s\n", question->id, done);
	return CLI_DONE;
}

const char *cli_typed_etag(const struct cli *cli, char etag[CLI_ETAG_SIZE])
{
	const char *revision = cli_text(&cli->arguments, CLI_IF_REVISION);

	if (!revision)
		return NULL;
	snprintf(etag, CLI_ETAG_SIZE, "\"%s\"", revision);
	return etag;
}

/* Asks page by page, and calls visit for each item; ends at the first problem. */
static enum cli_status each(struct cli *cli, const struct cli_list *list,
			    void (*visit)(const struct json *item, void *data), void *data)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	_cleanup_buf_ struct buf path;
	struct cli_question question = {.method = "GET"};
	const struct json *items;
	const char *cursor = "";
	size_t left = list->most ? list->most : SIZE_MAX;

	buf_init(&path);
	do {
		buf_clear(&path);
		buf_put_str(&path, list->path);
		if (*cursor)
			buf_put_str(&path, "&cursor=");
		httpc_put_escaped(&path, cursor, strlen(cursor));
		if (path.failed)
			return cli_fail(cli, "out of memory");
		question.path = path.data;
		if (cli_ask_object(cli, &question, &reply))
			return CLI_ERROR;
		items = json_member(json_root(reply.document), list->member);
		if (!items || json_type_of(items) != JSON_ARRAY)
			return cli_fail(cli, "%s answered without %s: see SLUICE_URL or --url",
					cli->url, list->member);
		for (size_t i = 0; i < json_array_len(items) && left > 0; i++, left--)
			visit(json_array_at(items, i), data);
		/* null, or absent, after the last page. */
		cursor = view_text(json_root(reply.document), "next_cursor");
	} while (*cursor && left > 0);
	return CLI_DONE;
}

static void put_copy(const struct json *item, void *data)
{
	json_put_copy(data, item);
}

static enum cli_status put_list(struct cli *cli, const struct cli_list *list)
{
	struct json_writer writer;
	enum cli_status status;

	json_writer_init(&writer, &cli->out);
	json_begin_object(&writer);
	json_name(&writer, list->member);
	json_begin_array(&writer);
	status = each(cli, list, put_copy, &writer);
	json_end_array(&writer);
	json_name(&writer, "next_cursor");
	json_put_null(&writer);
	json_end_object(&writer);
	buf_put_char(&cli->out, '\n');
	if (status)
		buf_clear(&cli->out);
	return status;
}

static enum cli_status put_table(struct cli *cli, const struct cli_list *list,
				 const struct cli_table *table)
{
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, table->columns, table->n_columns);
	if (each(cli, list, table->row, &grid))
		return CLI_ERROR;
	if (grid.n_cells == 0 && table->empty)
		buf_printf(&cli->out, "%s\n", table->empty);
	else
		grid_write(&grid, cli->width, &cli->out);
	return CLI_DONE;
}

enum cli_status cli_show_list(struct cli *cli, const struct cli_list *list,
			      const struct cli_table *table)
{
	return cli->json ? put_list(cli, list) : put_table(cli, list, table);
}
