/* What the two files of the rules share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/rules.h"

/* Of an exact rule: that of its key, so that one hash of a key serves both. */
uint64_t rules_hash_match(const struct rules *rules, uint32_t tenant,
			  const struct pattern *pattern);

static inline uint64_t rules_hash_tenant(uint32_t number)
{
	return number;
}
