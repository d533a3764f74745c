/* Lists in pages: what is asked for, and how each page ends. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/random.h"
#include "doors/http/page.h"
#include "json/writer.h"

enum {
	PAGE_DEFAULT = 100,
};

/* Anything but an id would look like the end of the list. */
static bool is_cursor(const struct query_param *cursor, const char *id_prefix)
{
	return strncmp(cursor->value, id_prefix, strlen(id_prefix)) == 0 &&
	       cursor->value_len < ID_SIZE;
}

int page_parse(const struct query *query, const char *id_prefix, struct field_error *error,
	       struct page *ret)
{
	const struct query_param *cursor = query_get(query, "cursor");
	int64_t size = PAGE_DEFAULT;

	if (query_get_s64(query, "limit", error, &size))
		return QUERY_E_INVALID;
	if (size < 1 || size > PAGE_MAX) {
		field_error_set(error, "limit", "must be 1 to %d", PAGE_MAX);
		return QUERY_E_INVALID;
	}
	if (cursor && !is_cursor(cursor, id_prefix)) {
		field_error_set(error, "cursor", "must be the next_cursor of a former page");
		return QUERY_E_INVALID;
	}
	*ret = (struct page){.size = (size_t)size, .after = cursor ? cursor->value : NULL};
	return 0;
}

void page_end(const char *next_cursor, uint64_t total, struct buf *body)
{
	struct json_writer writer;

	buf_put_str(body, "],\"next_cursor\":");
	json_writer_init(&writer, body);
	if (next_cursor)
		json_put_str(&writer, next_cursor);
	else
		json_put_null(&writer);
	json_name(&writer, "total");
	json_put_u64(&writer, total);
	buf_put_char(body, '}');
}
