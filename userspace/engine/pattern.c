/* Parses patterns and matches keys against them in linear time. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "engine/memory.h"
#include "engine/pattern.h"

/* Fills *ret, whose text holds len bytes, or only checks when ret is NULL. */
static int parse_pattern(const char *source, size_t len, struct pattern *ret, uint8_t *ret_stars)
{
	uint8_t stars = 0;
	uint16_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (source[i] == '*') {
			if (stars == ENGINE_PATTERN_STARS)
				return ENGINE_E_PATTERN;
			if (ret)
				ret->ends[stars] = out;
			stars++;
			continue;
		}
		if (source[i] == '\\') {
			i++;
			if (i == len || (source[i] != '*' && source[i] != '\\'))
				return ENGINE_E_PATTERN;
		}
		if (ret)
			ret->text[out] = source[i];
		out++;
	}
	if (ret)
		ret->ends[stars] = out;
	*ret_stars = stars;
	return 0;
}

int engine_pattern_check(const char *pattern, size_t len, bool *ret_exact)
{
	uint8_t stars;
	int err;

	if (len == 0 || len > ENGINE_KEY_MAX)
		return ENGINE_E_KEY;
	err = parse_pattern(pattern, len, NULL, &stars);
	if (err == 0)
		*ret_exact = stars == 0;
	return err;
}

int pattern_new(const char *source, size_t len, struct pattern **ret)
{
	struct pattern *pattern;
	bool exact;
	int err = engine_pattern_check(source, len, &exact);

	if (err)
		return err;
	pattern = engine_memory_alloc(sizeof(*pattern) + len);
	if (!pattern)
		return -ENOMEM;
	parse_pattern(source, len, pattern, &pattern->stars);
	*ret = pattern;
	return 0;
}

void pattern_free(struct pattern *pattern)
{
	engine_memory_free(pattern);
}

bool pattern_match(const struct pattern *pattern, const char *key, size_t len)
{
	const char *text = pattern->text, *at = key, *end = key + len;
	uint16_t first = pattern->ends[0], from, last;

	if (pattern->stars == 0)
		return len == first && memcmp(key, text, len) == 0;
	from = pattern->ends[pattern->stars - 1];
	last = (uint16_t)(pattern->ends[pattern->stars] - from);
	if (len < (size_t)first + last || memcmp(key, text, first) != 0 ||
	    memcmp(end - last, text + from, last) != 0)
		return false;
	at += first;
	end -= last;
	for (uint8_t i = 1; i < pattern->stars; i++) {
		size_t piece = (size_t)(pattern->ends[i] - pattern->ends[i - 1]);

		/* glibc's memmem is linear (two-way). */
		at = memmem(at, (size_t)(end - at), text + pattern->ends[i - 1], piece);
		if (!at)
			return false;
		at += piece;
	}
	return true;
}
