/* Reads JSON bodies for the handlers. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "doors/http/body.h"
#include "doors/http/problem.h"

int body_parse_object(const struct request *request, struct reply *reply,
		      struct json_document **ret)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;
	int err;

	if (request->body.len == 0) {
		problem_set(reply, 400, NULL, "a JSON object is needed as body");
		return -EINVAL;
	}
	err = json_parse(request->body.text, request->body.len, &error, &document);
	if (err < 0)
		problem_fault(reply, err);
	else if (err)
		problem_invalid(reply, &error);
	if (err)
		return err;
	if (json_type_of(json_root(document)) != JSON_OBJECT) {
		problem_set(reply, 400, NULL, "the body must be a JSON object");
		return -EINVAL;
	}
	*ret = TAKE_PTR(document);
	return 0;
}

struct allowed {
	const char *const *names;
	size_t n;
	struct field_error *error;
};

static int visit_member(const char *name, const struct json *value, void *data)
{
	const struct allowed *allowed = data;

	(void)value;
	for (size_t i = 0; i < allowed->n; i++)
		if (strcmp(name, allowed->names[i]) == 0)
			return 0;
	field_error_set(allowed->error, name, "is not a member of this request");
	return -EINVAL;
}

int body_allow(const struct json *object, const char *const *names, size_t n,
	       struct field_error *error)
{
	struct allowed allowed = {.names = names, .n = n, .error = error};

	return json_each(object, visit_member, &allowed);
}

int body_refuse_query(const struct request *request, struct reply *reply)
{
	struct field_error error;

	if (!query_allow(&request->query, NULL, 0, &error))
		return 0;
	problem_invalid(reply, &error);
	return -EINVAL;
}
