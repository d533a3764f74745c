/* Lists in pages: what is asked for, and how each page ends. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/buf.h"
#include "doors/http/query.h"

enum {
	PAGE_MAX = 1000,
};

/* A cursor is the id of a page's last item: it holds even when that item is gone. */
struct page {
	size_t size;
	const char *after; /* borrowed from the query; NULL: from the first */
};

/*
 * The parameters `limit` and `cursor`, which begins like the ids of the list; others are the
 * caller's to judge. QUERY_E_INVALID with *error.
 */
int page_parse(const struct query *query, const char *id_prefix, struct field_error *error,
	       struct page *ret);
/* Behind the last item: the array's end, next_cursor (NULL: null), and how many there are on all
 * pages. */
void page_end(const char *next_cursor, uint64_t total, struct buf *body);
