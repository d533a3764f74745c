/* Stands in for the engine's memory: counts what it hands out and fails on request. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * A test that calls one of these is linked with this file instead of engine/memory.c. Any thread.
 */

/* The (n + 1)-th request from now on fails, and all after it; negative: none. */
void failing_memory_after(int64_t n);
/* Requests so far, refused ones too. */
uint64_t failing_memory_requests(void);
/* Blocks and slabs that are held now. */
int64_t failing_memory_held(void);
