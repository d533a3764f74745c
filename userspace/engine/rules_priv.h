/* What the two files of the rules share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/rules.h"

static inline uint64_t rules_hash_tenant(uint32_t number)
{
	return number;
}
