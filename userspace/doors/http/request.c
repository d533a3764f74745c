/* One request as handlers see it, and the headers that decide how it is treated. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "doors/http/request.h"

static bool is_named(struct request_text name, const char *wanted, size_t len)
{
	return name.len == len && strncasecmp(name.data, wanted, len) == 0;
}
#define IS_NAMED(name, literal) is_named(name, literal, sizeof(literal) - 1)

static void take_length(struct request_headers *headers, struct request_text value)
{
	if (headers->has_length)
		headers->wrong = "Content-Length is given twice";
	else if (number_parse_u64(value.data, value.len, &headers->content_length))
		headers->wrong = "Content-Length is no number";
	else if (headers->chunked)
		headers->wrong = "Content-Length and Transfer-Encoding exclude each other";
	headers->has_length = true;
}

static void take_coding(struct request_headers *headers, struct request_text value)
{
	if (headers->chunked)
		headers->wrong = "Transfer-Encoding is given twice";
	else if (!IS_NAMED(value, "chunked"))
		headers->wrong = "the only transfer coding understood is chunked";
	else if (headers->has_length)
		headers->wrong = "Content-Length and Transfer-Encoding exclude each other";
	headers->chunked = true;
}

static void take_once(struct request_headers *headers, struct request_text *text,
		      struct request_text value, const char *wrong)
{
	if (text->data)
		headers->wrong = wrong;
	*text = value;
}

/* Few names matter, and their lengths differ: one comparison decides for all others. */
void request_headers_take(struct request_headers *headers, struct request_text name,
			  struct request_text value)
{
	char last = name.len ? name.data[name.len - 1] : ' ';

	if (last == ' ' || last == '\t' || name.data[0] == ' ' || name.data[0] == '\t')
		headers->wrong = "a header's name must not be empty or have blanks around it";
	switch (name.len) {
	case sizeof("Expect") - 1:
		if (IS_NAMED(name, "Expect"))
			headers->expects_continue = true;
		break;
	case sizeof("If-Match") - 1:
		if (IS_NAMED(name, "If-Match"))
			take_once(headers, &headers->if_match, value, "If-Match is given twice");
		break;
	case sizeof("Authorization") - 1:
		if (IS_NAMED(name, "Authorization"))
			take_once(headers, &headers->authorization, value,
				  "Authorization is given twice");
		break;
	case sizeof("Content-Length") - 1:
		if (IS_NAMED(name, "Content-Length"))
			take_length(headers, value);
		break;
	case sizeof("Transfer-Encoding") - 1:
		if (IS_NAMED(name, "Transfer-Encoding"))
			take_coding(headers, value);
		break;
	}
}

int request_target_split(char *target, size_t len, struct request_text *ret_path, char **ret_query,
			 size_t *ret_query_len)
{
	static const char scheme[] = "http://";
	char *path = target, *mark;

	if (strncasecmp(target, scheme, sizeof(scheme) - 1) == 0)
		path = strchr(target + sizeof(scheme) - 1, '/');
	if (!path || *path != '/')
		return -EINVAL;
	len -= (size_t)(path - target);
	mark = memchr(path, '?', len);
	*ret_path = (struct request_text){path, mark ? (size_t)(mark - path) : len};
	*ret_query = mark ? mark + 1 : NULL;
	*ret_query_len = mark ? len - ret_path->len - 1 : 0;
	return 0;
}

bool request_bearer(struct request_text authorization, struct request_text *ret_token)
{
	static const char scheme[] = "Bearer ";
	const size_t skip = sizeof(scheme) - 1;

	if (!authorization.data || authorization.len <= skip ||
	    strncasecmp(authorization.data, scheme, skip) != 0)
		return false;
	*ret_token = (struct request_text){authorization.data + skip, authorization.len - skip};
	return true;
}
