/* The one table of rights and what they are called. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "auth/auth.h"

static const struct right_name {
	uint32_t right;
	const char *name;
} right_names[] = {
	{AUTH_CHECK, "check"},
	{AUTH_LIMITS_READ, "limits:read"},
	{AUTH_LIMITS_WRITE, "limits:write"},
	{AUTH_METRICS_READ, "metrics:read"},
	{AUTH_EVENTS_READ, "events:read"},
	{AUTH_KEYS_READ, "keys:read"},
	{AUTH_KEYS_WRITE, "keys:write"},
	{AUTH_AUDIT_READ, "audit:read"},
	{AUTH_USAGE_READ, "usage:read"},
	{AUTH_ALL, "all"},
};

enum { N_RIGHTS = sizeof(right_names) / sizeof(right_names[0]) };

const char *auth_right_name(uint32_t right)
{
	for (size_t i = 0; i < N_RIGHTS; i++)
		if (right_names[i].right == right)
			return right_names[i].name;
	return "none";
}

uint32_t auth_right_find(const char *name, size_t len)
{
	for (size_t i = 0; i < N_RIGHTS; i++)
		if (strlen(right_names[i].name) == len && !memcmp(right_names[i].name, name, len))
			return right_names[i].right;
	return 0;
}
