/* Reads the body of POST /api/check: one check, or a batch of them. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/http/body.h"
#include "doors/http/check_body.h"
#include "doors/http/problem.h"

/* Where a check stands unless it is in a batch. */
#define ALONE SIZE_MAX

/* What a body's object is read into. */
struct parse_check {
	struct check_request *check;
	struct field_error *error;
	size_t index; /* in the batch, or ALONE */
};

/* The place of a check's member, or of the check itself (""), as errors name it. */
static void name_field(size_t index, const char *member, char field[FIELD_NAME_SIZE])
{
	if (index == ALONE)
		snprintf(field, FIELD_NAME_SIZE, "%s", member);
	else
		snprintf(field, FIELD_NAME_SIZE, "checks[%zu]%s%s", index, *member ? "." : "",
			 member);
}

static int refuse(const struct parse_check *parse, const char *member, const char *wrong)
{
	char field[FIELD_NAME_SIZE];

	name_field(parse->index, member, field);
	field_error_set(parse->error, field, "%s", wrong);
	return CHECK_E_INVALID;
}

static int parse_member(const char *name, const struct json *value, void *data)
{
	const struct parse_check *parse = data;
	enum json_type type = json_type_of(value);

	if (strcmp(name, "key") == 0) {
		if (type != JSON_STRING)
			return refuse(parse, name, "must be a string");
		parse->check->key = json_string(value, &parse->check->key_len);
	} else if (strcmp(name, "cost") == 0) {
		if (type != JSON_INTEGER)
			return refuse(parse, name, "must be an integer");
		parse->check->cost = json_integer(value);
	} else if (strcmp(name, "peek") == 0) {
		if (type != JSON_BOOL)
			return refuse(parse, name, "must be true or false");
		parse->check->peek = json_bool(value);
	} else {
		return refuse(parse, name, "is not a member of a check");
	}
	return 0;
}

static int parse_check(const struct json *object, struct parse_check *parse)
{
	struct check_request *check = parse->check;
	char field[FIELD_NAME_SIZE];
	int err;

	*check = (struct check_request){.cost = 1};
	if (json_type_of(object) != JSON_OBJECT)
		return refuse(parse, "", "must be an object");
	err = json_each(object, parse_member, parse);
	if (err)
		return err;
	if (!check->key)
		return refuse(parse, "key", "is missing");
	if (check_key_validate("key", check->key, check->key_len, parse->error) == 0)
		return 0;
	/* Once more, under its full name: that is not worth making for each that is fine. */
	name_field(parse->index, "key", field);
	return check_key_validate(field, check->key, check->key_len, parse->error);
}

static int validate_shape(const struct json *object, const struct json *checks,
			  struct field_error *error)
{
	static const char *const names[] = {"checks"};

	if (body_allow(object, names, 1, error))
		return CHECK_E_INVALID;
	if (json_type_of(checks) == JSON_ARRAY && json_array_len(checks) > 0 &&
	    json_array_len(checks) <= CHECK_BATCH_MAX)
		return 0;
	field_error_set(error, "checks", "must be an array of 1 to %d checks", CHECK_BATCH_MAX);
	return CHECK_E_INVALID;
}

/* Every entry is looked at before the first is answered. CHECK_E_INVALID or -ENOMEM. */
static int parse_batch(const struct json *object, const struct json *checks,
		       struct field_error *error, struct check_body *ret)
{
	int err = validate_shape(object, checks, error);

	if (err)
		return err;
	ret->is_batch = true;
	ret->n = json_array_len(checks);
	ret->checks = calloc(ret->n, sizeof(*ret->checks));
	if (!ret->checks)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n && !err; i++) {
		struct parse_check parse = {&ret->checks[i], error, i};

		err = parse_check(json_array_at(checks, i), &parse);
	}
	return err;
}

static int parse_alone(const struct json *object, struct field_error *error, struct check_body *ret)
{
	struct parse_check parse = {&ret->one, error, ALONE};

	ret->n = 1;
	ret->checks = &ret->one;
	return parse_check(object, &parse);
}

int check_body_read(const struct request *request, struct reply *reply, struct check_body *ret)
{
	const struct json *object, *checks;
	struct field_error error;
	int err;

	if (body_parse_object(request, reply, &ret->document))
		return CHECK_E_INVALID;
	object = json_root(ret->document);
	checks = json_member(object, "checks");
	err = checks ? parse_batch(object, checks, &error, ret) : parse_alone(object, &error, ret);
	if (err < 0)
		problem_fault(reply, err);
	else if (err)
		problem_invalid(reply, &error);
	return err;
}

void check_body_done(struct check_body *body)
{
	if (body->is_batch)
		free(body->checks);
	json_document_free(body->document);
}
