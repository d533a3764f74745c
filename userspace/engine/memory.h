/* All memory of the engine comes through here, so that a test can count it and make it fail. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * These functions stand in one object file of their own: a test binary that defines all of
 * them replaces them at link time.
 */

/* Zeroed, 64-byte aligned; NULL when there is none. */
void *engine_memory_alloc(size_t bytes);
/* NULL is fine. */
void engine_memory_free(void *memory);

/* The default struct engine_slab_ops; its context is a struct arena_set. It takes any
 * multiple of ENGINE_SLAB_BYTES. */
void *engine_memory_map(void *context, size_t bytes);
void engine_memory_unmap(void *context, void *slab, size_t bytes);
