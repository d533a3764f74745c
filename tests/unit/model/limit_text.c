/* Reads limits from JSON text and fails the test where the text itself is at fault. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

static struct json_document *parse_text(const char *text)
{
	struct json_document *document = NULL;
	struct field_error error;

	if (json_parse(text, strlen(text), &error, &document) != 0)
		fail_msg("%s: %s", text, error.message);
	return document;
}

int limit_from_text(const char *text, struct field_error *error, struct limit *ret)
{
	_cleanup_json_ struct json_document *document = parse_text(text);

	return limit_parse(json_root(document), error, ret);
}

int limit_update_from_text(const char *text, const struct limit *base, struct field_error *error,
			   struct limit *ret)
{
	_cleanup_json_ struct json_document *document = parse_text(text);

	return limit_parse_update(json_root(document), base, error, ret);
}

void limit_must_parse(const char *text, struct limit *ret)
{
	struct field_error error = {0};

	if (limit_from_text(text, &error, ret) != 0)
		fail_msg("%s: %s %s", text, error.field, error.message);
}

void limit_must_be_refused(int r, const struct field_error *error, const char *field,
			   const char *piece, const char *text)
{
	if (r != MODEL_E_INVALID)
		fail_msg("%s: %d", text, r);
	if (strcmp(error->field, field) != 0)
		fail_msg("%s: field \"%s\" (%s)", text, error->field, error->message);
	if (!strstr(error->message, piece))
		fail_msg("%s: message \"%s\"", text, error->message);
}

void limits_must_be_refused(const struct limit_refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct field_error error = {0};
		struct limit limit = {.limit = 77};
		int r = limit_from_text(rows[i].text, &error, &limit);

		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, rows[i].text);
		assert_int_equal(limit.limit, 77);
		assert_null(limit.key);
		assert_null(limit.match);
		assert_int_equal(limit_from_text(rows[i].text, NULL, &limit), MODEL_E_INVALID);
	}
}

char *limit_to_text(const struct limit *limit)
{
	struct buf buf;
	char *text;

	buf_init(&buf);
	limit_write(limit, NULL, NULL, &buf);
	text = buf_take(&buf, NULL);
	assert_non_null(text);
	return text;
}
