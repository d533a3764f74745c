/* What views of limits and API keys are made of. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "cli/view_priv.h"

const char *view_text(const struct json *object, const char *name)
{
	const struct json *value = json_member(object, name);

	return value && json_type_of(value) == JSON_STRING ? json_string(value, NULL) : "";
}

int64_t view_integer(const struct json *object, const char *name, int64_t otherwise)
{
	const struct json *value = json_member(object, name);

	return value && json_type_of(value) == JSON_INTEGER ? json_integer(value) : otherwise;
}

/* One value or a list of them, with commas. */
void view_put_values(struct buf *ret, const struct json *value)
{
	switch (json_type_of(value)) {
	case JSON_STRING:
		buf_put_str(ret, json_string(value, NULL));
		break;
	case JSON_INTEGER:
		buf_put_s64(ret, json_integer(value));
		break;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_len(value); i++) {
			if (i > 0)
				buf_put_char(ret, ',');
			/* Not a list of lists: what is no scalar shows as nothing. */
			if (json_type_of(json_array_at(value, i)) != JSON_ARRAY)
				view_put_values(ret, json_array_at(value, i));
		}
		break;
	default:
		break;
	}
}

void view_put_line(struct grid *grid, const char *label, const char *text)
{
	if (!*text)
		return;
	grid_put_str(grid, label);
	grid_put_str(grid, text);
}

void view_put_number(struct grid *grid, const char *label, const struct json *object,
		     const char *name)
{
	char text[24];
	int64_t number = view_integer(object, name, -1);

	if (number < 0)
		return;
	snprintf(text, sizeof(text), "%" PRId64, number);
	view_put_line(grid, label, text);
}
