/* `sluice audit` and `sluice usage`: who changed what, and how much was asked. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "cli/session_priv.h"
#include "cli/view_priv.h"
#include "json/copy.h"

enum {
	PAGE_MOST = 1000,
	CHANGES_BY_DEFAULT = 20,
	SECONDS_LEN = 19, /* of "2026-01-31T12:00:00.123Z" */
};

/* The options that were given, as the server's parameters. */
static void put_parameters(const struct cli_arguments *arguments, struct buf *path)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const char *text = cli_text(arguments, id);

		if (!text || !cli_options[id].member || id == CLI_COUNT)
			continue;
		buf_printf(path, "&%s=", cli_options[id].member);
		httpc_put_escaped(path, text, strlen(text));
	}
}

/* "2026-01-31 12:00:00" */
static void put_seconds(struct grid *grid, const char *time)
{
	char text[SECONDS_LEN + 1] = "";

	strncpy(text, time, SECONDS_LEN);
	if (strlen(text) == SECONDS_LEN && text[10] == 'T')
		text[10] = ' ';
	grid_put_str(grid, text);
}

/* A string as it is, anything else as JSON. */
static void put_value(struct buf *text, const struct json *value)
{
	struct json_writer writer;

	if (value && json_type_of(value) == JSON_STRING) {
		buf_put_str(text, json_string(value, NULL));
		return;
	}
	json_writer_init(&writer, text);
	if (value)
		json_put_copy(&writer, value);
	else
		json_put_null(&writer);
}

struct differences {
	const struct json *after;
	struct buf *text;
};

static int put_difference(const char *name, const struct json *before, void *data)
{
	struct differences *all = data;

	if (all->text->len > 0)
		buf_put_str(all->text, ", ");
	buf_printf(all->text, "%s ", name);
	put_value(all->text, before);
	buf_put_str(all->text, " → ");
	put_value(all->text, json_member(all->after, name));
	return 0;
}

/* What tells it from others: its name, or its key; and how much, if it is a limit. */
static void put_whole(const struct json *object, struct buf *text)
{
	const char *name = view_text(object, "name");
	int64_t limit = view_integer(object, "limit", -1);

	buf_put_str(text, *name ? name : view_text(object, "key"));
	if (limit >= 0)
		buf_printf(text, "%s%" PRId64 "/%s", text->len ? " " : "", limit,
			   view_text(object, "interval"));
}

static bool is_object(const struct json *value)
{
	return value && json_type_of(value) == JSON_OBJECT;
}

static void put_change(const struct json *change, struct buf *text)
{
	const struct json *before = json_member(change, "before");
	struct differences all = {json_member(change, "after"), text};
	const struct json *key = json_member(change, "key");

	if (is_object(before) && is_object(all.after))
		json_each(before, put_difference, &all);
	else if (is_object(before))
		put_whole(before, text);
	else if (is_object(all.after))
		put_whole(all.after, text);
	else if (key && json_type_of(key) == JSON_NULL)
		buf_put_str(text, "all keys");
	else if (key)
		put_value(text, key);
}

static void list_change(const struct json *entry, void *data)
{
	struct grid *grid = data;
	const char *name = view_text(entry, "actor_name");
	const struct json *change = json_member(entry, "change");
	_cleanup_buf_ struct buf text;

	buf_init(&text);
	if (change)
		put_change(change, &text);
	put_seconds(grid, view_text(entry, "time"));
	grid_put_str(grid, *name ? name : view_text(entry, "actor"));
	grid_put_str(grid, view_text(entry, "action"));
	grid_put_str(grid, view_text(entry, "object"));
	grid_put(grid, text.len ? text.data : "", text.len);
	if (text.failed)
		grid->cells.failed = true;
}

enum cli_status cli_audit(struct cli *cli)
{
	static const struct grid_column columns[] = {
		{.title = "TIME (UTC)"}, {.title = "WHO", .may_cut = true},    {.title = "ACTION"},
		{.title = "OBJECT"},     {.title = "CHANGE", .may_cut = true},
	};
	static const struct cli_table table = {columns, sizeof(columns) / sizeof(columns[0]),
					       list_change, NULL};
	const char *typed = cli_text(&cli->arguments, CLI_COUNT);
	_cleanup_buf_ struct buf path = {0};
	struct cli_list list = {.member = "entries", .most = CHANGES_BY_DEFAULT};
	uint64_t count;

	if (typed && number_parse_u64(typed, strlen(typed), &count))
		return cli_fail(cli, "--count: '%s' is no number of changes; 0: all", typed);
	if (typed)
		list.most = count;
	buf_printf(&path, "/api/audit?limit=%zu",
		   list.most && list.most < PAGE_MOST ? list.most : PAGE_MOST);
	put_parameters(&cli->arguments, &path);
	if (path.failed)
		return cli_fail(cli, "out of memory");
	list.path = path.data;
	return cli_show_list(cli, &list, &table);
}

static void list_period(const struct json *period, void *data)
{
	static const char *const names[] = {"allowed", "denied", "tokens", "refunded"};
	struct grid *grid = data;

	put_seconds(grid, view_text(period, "start"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		grid_printf(grid, "%" PRId64, view_integer(period, names[i], 0));
}

enum cli_status cli_usage(struct cli *cli)
{
	static const struct grid_column columns[] = {
		{.title = "FROM (UTC)"},
		{.title = "ALLOWED", .right = true},
		{.title = "DENIED", .right = true},
		{.title = "TOKENS", .right = true},
		{.title = "REFUNDED", .right = true},
	};
	static const struct cli_table table = {columns, sizeof(columns) / sizeof(columns[0]),
					       list_period, NULL};
	_cleanup_buf_ struct buf path = {0};
	struct cli_list list = {.member = "entries"};

	buf_printf(&path, "/api/usage?limit=%d", PAGE_MOST);
	put_parameters(&cli->arguments, &path);
	if (path.failed)
		return cli_fail(cli, "out of memory");
	list.path = path.data;
	return cli_show_list(cli, &list, &table);
}
