/* `sluice status`: whether the server is ready, its interfaces, packets, limits. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/limit_view_priv.h"
#include "cli/session_priv.h"
#include "cli/text_priv.h"
#include "json/copy.h"

static const struct grid_column pair[2] = {{.title = NULL}};

/* Objects only: what is none, or absent, is NULL. */
static const struct json *object_member(const struct json *object, const char *name)
{
	const struct json *value = json_member(object, name);

	return value && json_type_of(value) == JSON_OBJECT ? value : NULL;
}

static void put_server(struct grid *grid, const struct cli *cli, const struct json *health)
{
	int64_t started = view_integer(health, "started_at_ms", 0);
	int64_t now = view_integer(health, "now_ms", 0);
	char up[TIME_TEXT_SIZE];

	text_format_ms(now > started ? (uint64_t)(now - started) : 0, up);
	grid_put_str(grid, "server");
	grid_printf(grid, "%s, sluice %s, up %s", cli->url, view_text(health, "version"), up);
	grid_put_str(grid, "ready");
	if (strcmp(view_text(health, "status"), "ok") == 0)
		grid_put_str(grid, "yes");
	else
		grid_printf(grid, "no: %s", view_text(health, "reason"));
}

/* What else the server says of its parts, each "ok" or what is wrong with it. */
static int put_part(const char *name, const struct json *value, void *data)
{
	static const char *const shown[] = {"status", "reason", "version", "packets"};
	struct grid *grid = data;

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcmp(name, shown[i]) == 0)
			return 0;
	if (json_type_of(value) == JSON_STRING)
		view_put_line(grid, name, json_string(value, NULL));
	return 0;
}

static void put_packets(struct grid *grid, const struct json *packets, uint64_t n_limits)
{
	const struct json *limits = object_member(packets, "limits");
	const char *state = view_text(packets, "packets");

	grid_put_str(grid, "packets");
	if (strcmp(state, "on") == 0)
		grid_put_str(grid, "on");
	else
		grid_printf(grid, "off: %s", state);
	grid_put_str(grid, "limits");
	if (limits)
		grid_printf(grid,
			    "%" PRIu64 "; of packets %" PRId64 ", of those in force %" PRId64
			    " (at most %" PRId64 ")",
			    n_limits, view_integer(limits, "configured", 0),
			    view_integer(limits, "in_force", 0), view_integer(limits, "max", 0));
	else
		grid_printf(grid, "%" PRIu64, n_limits);
}

static void write_interfaces(const struct json *interfaces, struct buf *out)
{
	static const struct grid_column columns[] = {
		{.title = "INTERFACE"}, {.title = "MODE"}, {.title = "WHY"}};
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, columns, 3);
	for (size_t i = 0; i < json_array_len(interfaces); i++) {
		const struct json *interface = json_array_at(interfaces, i);

		grid_put_str(&grid, view_text(interface, "name"));
		grid_put_str(&grid, view_text(interface, "mode"));
		grid_put_str(&grid, view_text(interface, "why"));
	}
	if (grid.n_cells > 0)
		buf_put_char(out, '\n');
	grid_write(&grid, SIZE_MAX, out);
}

static int put_reason(const char *name, const struct json *value, void *data)
{
	struct grid *grid = data;

	grid_put_str(grid, name);
	grid_printf(grid, "%" PRId64,
		    json_type_of(value) == JSON_INTEGER ? json_integer(value) : 0);
	return 0;
}

static void write_reasons(const struct json *reasons, struct buf *out)
{
	static const struct grid_column columns[] = {{.title = "PACKETS"},
						     {.title = "COUNT", .right = true}};
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, columns, 2);
	json_each(reasons, put_reason, &grid);
	buf_put_char(out, '\n');
	grid_write(&grid, SIZE_MAX, out);
}

static void write_tables(struct cli *cli, const struct json *health, const struct json *packets,
			 uint64_t n_limits)
{
	const struct json *interfaces = json_member(packets, "interfaces");
	const struct json *reasons = object_member(packets, "reasons");
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, pair, 2);
	put_server(&grid, cli, health);
	json_each(health, put_part, &grid);
	put_packets(&grid, packets, n_limits);
	grid_write(&grid, SIZE_MAX, &cli->out);
	if (interfaces && json_type_of(interfaces) == JSON_ARRAY)
		write_interfaces(interfaces, &cli->out);
	/* Without a packet path there is nothing to count. */
	if (reasons && strcmp(view_text(packets, "packets"), "on") == 0)
		write_reasons(reasons, &cli->out);
}

static void write_json(struct cli *cli, const struct json *health, const struct json *packets,
		       uint64_t n_limits)
{
	struct json_writer writer;

	json_writer_init(&writer, &cli->out);
	json_begin_object(&writer);
	json_name(&writer, "readyz");
	json_put_copy(&writer, health);
	json_name(&writer, "packets");
	json_put_copy(&writer, packets);
	json_name(&writer, "limits");
	json_put_u64(&writer, n_limits);
	json_end_object(&writer);
	buf_put_char(&cli->out, '\n');
}

enum cli_status cli_show_status(struct cli *cli)
{
	const struct cli_question ask_health = {
		.method = "GET", .path = "/readyz?verbose", .any_status = true};
	const struct cli_question ask_packets = {.method = "GET", .path = "/api/packets"};
	const struct cli_question ask_limits = {.method = "GET", .path = "/api/limits?limit=1"};
	_cleanup_reply_ struct cli_reply health = {0}, packets = {0}, limits = {0};
	uint64_t n_limits;

	if (cli_ask_object(cli, &ask_health, &health) ||
	    cli_ask_object(cli, &ask_packets, &packets) ||
	    cli_ask_object(cli, &ask_limits, &limits))
		return CLI_ERROR;
	n_limits = (uint64_t)view_integer(json_root(limits.document), "total", 0);
	if (cli->json)
		write_json(cli, json_root(health.document), json_root(packets.document), n_limits);
	else
		write_tables(cli, json_root(health.document), json_root(packets.document),
			     n_limits);
	if (health.answer.status == 200)
		return CLI_DONE;
	return cli_fail(cli, "%s is not ready: %s", cli->url,
			view_text(json_root(health.document), "reason"));
}
