/* Patterns of keys: literal text and up to ENGINE_PATTERN_STARS wildcards. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

/*
 * Stars cut a pattern into stars + 1 literal pieces, stored one after the other in `text` without
 * escapes. The first is anchored at the key's start, the last at its end, the others are found
 * leftmost first; so a match is linear in the key for each piece, whatever the pattern.
 */
struct pattern {
	uint8_t stars;                           /* 0: exact */
	uint16_t ends[ENGINE_PATTERN_STARS + 1]; /* of each piece in text */
	char text[];
};

/* Returns 0, ENGINE_E_PATTERN, ENGINE_E_KEY or -ENOMEM. The caller frees with pattern_free. */
int pattern_new(const char *source, size_t len, struct pattern **ret);
void pattern_free(struct pattern *pattern);

bool pattern_match(const struct pattern *pattern, const char *key, size_t len);

/* The literal text before the first star; all of it when exact. */
static inline size_t pattern_prefix_len(const struct pattern *pattern)
{
	return pattern->ends[0];
}
