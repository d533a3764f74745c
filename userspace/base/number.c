/* Strict decimal numbers, and durations made of one number and one unit. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  (1000 * NS_PER_MS)

/* Longest first: the first that divides a duration gives its shortest text. */
static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"d", 86400 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S},
	{"s", NS_PER_S},         {"ms", NS_PER_MS},
};

enum {
	UNIT_COUNT = sizeof(units) / sizeof(units[0]),
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int number_parse_u64(const char *text, size_t len, uint64_t *ret)
{
	bool overflow = false;
	uint64_t value = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return -EINVAL;
		overflow |= __builtin_mul_overflow(value, 10, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
	}
	if (overflow)
		return -ERANGE;
	*ret = value;
	return 0;
}

int number_parse_s64(const char *text, size_t len, int64_t *ret)
{
	bool negative = len > 0 && text[0] == '-';
	uint64_t most = (uint64_t)INT64_MAX + negative;
	uint64_t value;
	int r;

	r = number_parse_u64(text + negative, len - negative, &value);
	if (r < 0)
		return r;
	if (value > most)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int duration_parse_ns(const char *text, size_t len, uint64_t *ret_ns)
{
	const struct unit *unit = NULL;
	size_t digits = 0;
	uint64_t value;
	int r;

	while (digits < len && is_digit(text[digits]))
		digits++;
	for (size_t i = 0; i < UNIT_COUNT && !unit; i++)
		if (strlen(units[i].name) == len - digits &&
		    memcmp(units[i].name, text + digits, len - digits) == 0)
			unit = &units[i];
	if (!unit)
		return -EINVAL;
	r = number_parse_u64(text, digits, &value);
	if (r < 0)
		return r;
	if (value == 0)
		return -EINVAL;
	if (value > (1ULL << 63) / unit->ns)
		return -ERANGE;
	*ret_ns = value * unit->ns;
	return 0;
}

void duration_format(uint64_t ns, char text[DURATION_TEXT_SIZE])
{
	const struct unit *unit = units;

	assert(ns > 0 && ns % NS_PER_MS == 0);
	while (ns % unit->ns != 0)
		unit++;
	snprintf(text, DURATION_TEXT_SIZE, "%llu%s", (unsigned long long)(ns / unit->ns),
		 unit->name);
}
