/* Finds the field that a name means, or was meant to be. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "model/limit_priv.h"

const struct limit_field *limit_field_find(const char *name)
{
	for (size_t i = 0; i < limit_field_count; i++)
		if (strcmp(limit_fields[i].name, name) == 0)
			return &limit_fields[i];
	return NULL;
}

bool limit_is_one_slip_away(const char *typed, const char *name)
{
	size_t typed_len = strlen(typed), name_len = strlen(name), same = 0;

	if (strcasecmp(typed, name) == 0)
		return true;
	while (typed[same] && typed[same] == name[same])
		same++;
	typed += same;
	name += same;
	if (typed_len == name_len + 1)
		return strcmp(typed + 1, name) == 0;
	if (typed_len + 1 == name_len)
		return strcmp(typed, name + 1) == 0;
	if (typed_len != name_len)
		return false;
	if (strcmp(typed + 1, name + 1) == 0)
		return true;
	return typed[0] == name[1] && typed[1] == name[0] && strcmp(typed + 2, name + 2) == 0;
}

const char *limit_field_suggest(const char *name)
{
	const unsigned int unsent = FIELD_RECORD | FIELD_READ_ONLY;

	for (size_t i = 0; i < limit_field_count; i++)
		if (!(limit_fields[i].flags & unsent) &&
		    limit_is_one_slip_away(name, limit_fields[i].name))
			return limit_fields[i].name;
	return NULL;
}
