/* Hashes (tenant, text) under a secret seed: SipHash-1-3 (Aumasson and Bernstein, 2012). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The tenant goes in as a first block of its own. Without the seed no collisions can be aimed. */
uint64_t key_hash(const uint64_t seed[2], uint32_t tenant, const char *text, size_t len);
