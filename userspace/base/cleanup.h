/* Scope-bound cleanup: a local that owns something names the function that releases it. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `_cleanup_(fn) type var` calls fn(&var) when var leaves its scope, on every path. To hand the
 * value on, use TAKE_PTR: it returns the pointer and leaves NULL behind, which fn must accept.
 */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

#define TAKE_PTR(ptr)                                   \
	({                                              \
		__typeof__(ptr) *take_src_ = &(ptr);    \
		__typeof__(ptr) take_val_ = *take_src_; \
		*take_src_ = NULL;                      \
		take_val_;                              \
	})
