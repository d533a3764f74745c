/* The server: found, asked, and its refusals turned into one line. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/cli_priv.h"
#include "cli/grid_priv.h"

/* What to ask; the path is made of `path`, and of an escaped `id` and `verb` where there are any. */
struct cli_question {
	const char *method;
	const char *path;
	const char *id;   /* of a limit or API key, as typed; or NULL */
	const char *verb; /* "/reset" */
	const struct buf *body;
	const char *if_match;
	bool any_status; /* take an answer of 400 or above, too, if it is JSON */
};

/* An answer, which may have no document (204). Zero to begin with. */
struct cli_reply {
	struct httpc_answer answer;
	struct json_document *document;
};

void cli_reply_done(struct cli_reply *reply);
#define _cleanup_reply_ _cleanup_(cli_reply_done)

/* Reads URL, API key and timeout; asks nothing yet. */
enum cli_status cli_connect(struct cli *cli);
/* CLI_DONE, or CLI_ERROR with the problem set. */
enum cli_status cli_ask(struct cli *cli, const struct cli_question *question,
			struct cli_reply *ret);
/* The answer's object; a document that is none is a problem, too. */
enum cli_status cli_ask_object(struct cli *cli, const struct cli_question *question,
			       struct cli_reply *ret);

/* Sets the problem of a request that got no answer: what httpc said of it. Returns CLI_ERROR. */
enum cli_status cli_fail_transfer(struct cli *cli, int err, const struct field_error *error);

/* Puts the answer's JSON on a line of its own, as the server wrote it. */
void cli_put_json(struct cli *cli, const struct cli_reply *reply);

/* Asks, and shows the object that is the answer: with `view`, or with -o json as it is. */
enum cli_status cli_ask_and_show(struct cli *cli, const struct cli_question *question,
				 void (*view)(const struct json *object, struct buf *out));
/* Asks for something whose answer is empty, and says that it is done. */
enum cli_status cli_ask_and_say(struct cli *cli, const struct cli_question *question,
				const char *done);

enum {
	CLI_ETAG_SIZE = 32,
};
/* The ETag that --if-revision asks for, or NULL. */
const char *cli_typed_etag(const struct cli *cli, char etag[CLI_ETAG_SIZE]);

/* What the server lists in pages. */
struct cli_list {
	const char *path;   /* "/api/limits?limit=1000" */
	const char *member; /* "limits" */
	size_t most;        /* items; 0: all */
};

/* How a list looks to people. */
struct cli_table {
	const struct grid_column *columns;
	size_t n_columns;
	void (*row)(const struct json *item, void *grid);
	const char *empty; /* what to say in place of a table without rows; NULL: nothing */
};

/* The whole list as a table, or with -o json as one object. */
enum cli_status cli_show_list(struct cli *cli, const struct cli_list *list,
			      const struct cli_table *table);
