/* Answers as they came, and lists through all of their pages. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/session_priv.h"

void cli_put_json(struct cli *cli, const struct cli_reply *reply)
{
	const struct buf *body = &reply->answer.body;

	buf_put(&cli->out, body->data, body->len);
	if (body->len == 0 || body->data[body->len - 1] != '\n')
		buf_put_char(&cli->out, '\n');
}

/* The cursor of the page behind; "" after the last. */
static const char *next_cursor(const struct json *page)
{
	const struct json *cursor = json_member(page, "next_cursor");

	return cursor && json_type_of(cursor) == JSON_STRING ? json_string(cursor, NULL) : "";
}

enum cli_status cli_each_limit(struct cli *cli, void (*visit)(const struct json *limit, void *data),
			       void *data)
{
	_cleanup_reply_ struct cli_reply reply = {0};
	_cleanup_buf_ struct buf path;
	struct cli_question question = {.method = "GET"};
	const struct json *limits;
	const char *cursor = "";

	buf_init(&path);
	do {
		buf_clear(&path);
		buf_put_str(&path, "/api/limits?limit=1000");
		if (*cursor)
			buf_put_str(&path, "&cursor=");
		httpc_put_escaped(&path, cursor, strlen(cursor));
		if (path.failed)
			return cli_fail(cli, "out of memory");
		question.path = path.data;
		if (cli_ask_object(cli, &question, &reply))
			return CLI_ERROR;
		limits = json_member(json_root(reply.document), "limits");
		if (!limits || json_type_of(limits) != JSON_ARRAY)
			return cli_fail(cli, "%s answered without limits: see SLUICE_URL or --url",
					cli->url);
		for (size_t i = 0; i < json_array_len(limits); i++)
			visit(json_array_at(limits, i), data);
		cursor = next_cursor(json_root(reply.document));
	} while (*cursor);
	return CLI_DONE;
}
