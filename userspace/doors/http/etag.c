/* Revisions as entity tags, and what If-Match asks for. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "doors/http/etag.h"

void etag_format(uint64_t revision, char text[REPLY_TEXT_SIZE])
{
	snprintf(text, REPLY_TEXT_SIZE, "\"%" PRIu64 "\"", revision);
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

/* Behind the one tag, weak or strong, that begins at `at`; NULL when there is none. */
static const char *skip_tag(const char *at, const char *end)
{
	if (end - at > 2 && at[0] == 'W' && at[1] == '/')
		at += 2;
	if (at == end || *at != '"')
		return NULL;
	at = memchr(at + 1, '"', (size_t)(end - at - 1));
	return at ? at + 1 : NULL;
}

int etag_match(const char *text, size_t len, uint64_t current, uint64_t *ret)
{
	const char *at = text, *end = text + len;
	char wanted[REPLY_TEXT_SIZE];
	bool found = false, any = false;

	if (len == 1 && *text == '*') {
		*ret = 0;
		return 0;
	}
	etag_format(current, wanted);
	while (at < end) {
		const char *tag = at;

		if (is_separator(*at)) {
			at++;
			continue;
		}
		at = skip_tag(tag, end);
		if (!at || (at < end && !is_separator(*at)))
			return ETAG_E_INVALID;
		any = true;
		/* The W/ of a weak tag is part of it, so it equals no strong one. */
		if (strlen(wanted) == (size_t)(at - tag) &&
		    memcmp(tag, wanted, (size_t)(at - tag)) == 0)
			found = true;
	}
	if (!any)
		return ETAG_E_INVALID;
	if (!found)
		return ETAG_E_MISMATCH;
	*ret = current;
	return 0;
}
