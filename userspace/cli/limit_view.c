/* Limits for people: what they count, and every field of one. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/limit_view_priv.h"

static void put_part(struct buf *ret, const char *word, const struct json *value)
{
	if (!value || json_type_of(value) == JSON_NULL)
		return;
	if (ret->len > 0)
		buf_put_char(ret, ' ');
	buf_put_str(ret, word);
	buf_put_char(ret, ' ');
	view_put_values(ret, value);
}

void limit_view_subject(const struct json *limit, struct buf *ret)
{
	const struct json *match = json_member(limit, "match");

	if (strcmp(view_text(limit, "scope"), "packet") != 0) {
		buf_put_str(ret, view_text(limit, "key"));
		return;
	}
	if (match) {
		put_part(ret, "proto", json_member(match, "proto"));
		put_part(ret, "dst-port", json_member(match, "dst_port"));
		put_part(ret, "dst", json_member(match, "dst"));
		put_part(ret, "src", json_member(match, "src"));
	}
	if (ret->len == 0)
		buf_put_str(ret, "all");
	put_part(ret, "per", json_member(limit, "per"));
}

static void put_head(struct grid *grid, const struct json *limit)
{
	_cleanup_buf_ struct buf text;
	bool packet = strcmp(view_text(limit, "scope"), "packet") == 0;

	buf_init(&text);
	limit_view_subject(limit, &text);
	view_put_line(grid, "id", view_text(limit, "id"));
	if (text.len > 0)
		view_put_line(grid, packet ? "packets" : "key", text.data);
	buf_clear(&text);
	buf_printf(&text, "%" PRId64 " %s per %s", view_integer(limit, "limit", 0),
		   view_text(limit, "unit"), view_text(limit, "interval"));
	if (!text.failed)
		view_put_line(grid, "limit", text.data);
	if (text.failed)
		grid->cells.failed = true;
}

/* A packet limit's memory: how many buckets, what fills it, how full it is. */
static void put_capacity(struct grid *grid, const struct json *capacity)
{
	const struct json *full = json_member(capacity, "full");

	view_put_number(grid, "buckets", capacity, "keys");
	view_put_number(grid, "spoofed pps", capacity, "spoofed_pps");
	if (!full || (json_type_of(full) != JSON_REAL && json_type_of(full) != JSON_INTEGER))
		return;
	grid_put_str(grid, "full");
	grid_printf(grid, "%.1f %%", 100 * json_read_real(full));
}

void limit_view_details(const struct json *limit, struct buf *out)
{
	static const struct grid_column columns[2] = {{.title = NULL}};
	static const struct {
		const char *label, *name;
	} texts[] = {{"algorithm", "algorithm"},   {"mode", "mode"},     {"name", "name"},
		     {"confirm by", "confirm_by"}, {"origin", "origin"}, {"created", "created_at"},
		     {"updated", "updated_at"}},
	  counts[] = {{"allowed", "allowed"},
		      {"denied", "denied"},
		      {"allowed bytes", "allowed_bytes"},
		      {"denied bytes", "denied_bytes"}};
	const struct json *stats = json_member(limit, "stats");
	const struct json *capacity = json_member(limit, "capacity");
	_cleanup_grid_ struct grid grid;

	grid_init(&grid, columns, 2);
	put_head(&grid, limit);
	view_put_number(&grid, "burst", limit, "burst");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		view_put_line(&grid, texts[i].label, view_text(limit, texts[i].name));
	view_put_number(&grid, "revision", limit, "revision");
	for (size_t i = 0; stats && i < sizeof(counts) / sizeof(counts[0]); i++)
		view_put_number(&grid, counts[i].label, stats, counts[i].name);
	if (capacity)
		put_capacity(&grid, capacity);
	grid_write(&grid, SIZE_MAX, out);
}
