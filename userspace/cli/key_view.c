/* API keys for people: what they may do, how long, and whether they are used. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/key_view_priv.h"

void key_view_rights(const struct json *key, struct buf *ret)
{
	const struct json *rights = json_member(key, "rights");

	if (rights)
		view_put_values(ret, rights);
}

/* The date of "2026-01-31T12:00:00.000Z": tables have no room for more. */
static void put_date(const struct json *key, const char *name, const char *otherwise,
		     char text[VIEW_DATE_SIZE])
{
	const char *time = view_text(key, name);

	snprintf(text, VIEW_DATE_SIZE, "%.10s", *time ? time : otherwise);
}

static bool is_expired(const struct json *key)
{
	const struct json *expired = json_member(key, "expired");

	return expired && json_type_of(expired) == JSON_BOOL && json_bool(expired);
}

void key_view_expiry(const struct json *key, char text[VIEW_DATE_SIZE])
{
	if (is_expired(key))
		snprintf(text, VIEW_DATE_SIZE, "expired");
	else
		put_date(key, "expires_at", "never", text);
}

void key_view_use(const struct json *key, char text[VIEW_DATE_SIZE])
{
	put_date(key, "last_used_at", "-", text);
}

void key_view_details(const struct json *key, struct buf *out)
{
	static const struct grid_column columns[2] = {{.title = NULL}};
	_cleanup_buf_ struct buf rights = {0};
	_cleanup_grid_ struct grid grid;
	const char *expires_at = view_text(key, "expires_at");

	grid_init(&grid, columns, 2);
	key_view_rights(key, &rights);
	view_put_line(&grid, "id", view_text(key, "id"));
	view_put_line(&grid, "name", view_text(key, "name"));
	view_put_line(&grid, "rights", rights.len ? rights.data : "");
	grid_put_str(&grid, "expires");
	grid_printf(&grid, "%s%s", *expires_at ? expires_at : "never",
		    is_expired(key) ? ": it has expired" : "");
	view_put_line(&grid, "last used", view_text(key, "last_used_at"));
	view_put_line(&grid, "created", view_text(key, "created_at"));
	view_put_line(&grid, "updated", view_text(key, "updated_at"));
	view_put_number(&grid, "revision", key, "revision");
	if (rights.failed)
		grid.cells.failed = true;
	grid_write(&grid, SIZE_MAX, out);
}
