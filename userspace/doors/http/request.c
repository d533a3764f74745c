/* One request as handlers see it, and how it is read from what httpd hands over. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "doors/http/request.h"

static bool is_named(struct httpd_text name, const char *wanted, size_t len)
{
	return name.len == len && strncasecmp(name.text, wanted, len) == 0;
}
#define IS_NAMED(name, literal) is_named(name, literal, sizeof(literal) - 1)

static void take_once(struct httpd_text *text, const struct httpd_header *header, const char *name,
		      struct request_headers *ret)
{
	if (text->text)
		ret->twice = name;
	*text = header->value;
}

void request_headers_read(const struct httpd_request *from, struct request_headers *ret)
{
	*ret = (struct request_headers){.twice = NULL};
	for (size_t i = 0; i < from->n_headers; i++) {
		const struct httpd_header *header = &from->headers[i];

		if (IS_NAMED(header->name, "Authorization"))
			take_once(&ret->authorization, header, "Authorization", ret);
		else if (IS_NAMED(header->name, "If-Match"))
			take_once(&ret->if_match, header, "If-Match", ret);
		else if (IS_NAMED(header->name, "Expect"))
			ret->expects = true;
	}
}

struct httpd_text request_path(struct httpd_text path)
{
	static const char scheme[] = "http://";
	const size_t skip = sizeof(scheme) - 1;
	const char *slash;

	if (path.len > 0 && path.text[0] == '/')
		return path;
	if (path.len < skip || strncasecmp(path.text, scheme, skip) != 0)
		return (struct httpd_text){NULL, 0};
	slash = memchr(path.text + skip, '/', path.len - skip);
	if (!slash)
		return (struct httpd_text){NULL, 0};
	return (struct httpd_text){slash, path.len - (size_t)(slash - path.text)};
}

bool request_bearer(struct httpd_text authorization, struct httpd_text *ret_token)
{
	static const char scheme[] = "Bearer ";
	const size_t skip = sizeof(scheme) - 1;

	if (authorization.len <= skip || strncasecmp(authorization.text, scheme, skip) != 0)
		return false;
	*ret_token = (struct httpd_text){authorization.text + skip, authorization.len - skip};
	return true;
}

struct actor request_actor(const struct request *request)
{
	return (struct actor){.who = &request->who};
}
