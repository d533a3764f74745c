/* One request as handlers see it, and how it is read from what httpd hands over. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "doors/http/request.h"

/* Of the same length. */
static bool is_named(struct httpd_text name, const char *wanted)
{
	return strncasecmp(name.text, wanted, name.len) == 0;
}

static void take_once(struct httpd_text *text, const struct httpd_header *header, const char *name,
		      struct request_headers *ret)
{
	if (text->text)
		ret->twice = name;
	*text = header->value;
}

/* Nothing is refused for these: what is given twice is like what nobody can read. */
static void take_alone(struct httpd_text *text, const struct httpd_header *header)
{
	if (text->text)
		text->len = 0;
	else
		*text = header->value;
}

static void read_header(const struct httpd_header *header, struct request_headers *ret)
{
	switch (header->name.len) {
	case sizeof("Expect") - 1:
		ret->expects |= is_named(header->name, "Expect");
		break;
	case sizeof("If-Match") - 1:
		if (is_named(header->name, "If-Match"))
			take_once(&ret->if_match, header, "If-Match", ret);
		break;
	case sizeof("traceparent") - 1:
		if (is_named(header->name, "traceparent"))
			take_alone(&ret->traceparent, header);
		break;
	case sizeof("X-Request-Id") - 1:
		if (is_named(header->name, "X-Request-Id"))
			take_alone(&ret->request_id, header);
		break;
	case sizeof("Authorization") - 1:
		if (is_named(header->name, "Authorization"))
			take_once(&ret->authorization, header, "Authorization", ret);
		break;
	}
}

/* By length first: most headers of most requests mean nothing here. */
void request_headers_read(const struct httpd_request *from, struct request_headers *ret)
{
	*ret = (struct request_headers){.twice = NULL};
	for (size_t i = 0; i < from->n_headers; i++)
		read_header(&from->headers[i], ret);
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
	return (struct actor){
		.who = &request->who,
		.peer = request->peer,
		.request_id = request->request_id,
	};
}
