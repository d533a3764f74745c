/* Whether bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* NUL counts as well-formed: callers that refuse it look for it themselves. */
bool utf8_valid(const char *text, size_t len);
/* The length that is left of a text cut at `len` bytes when its last character, if torn, goes. */
size_t utf8_cut(const char *text, size_t len);
/* Whether well-formed UTF-8 holds control characters: C0, DEL or C1. */
bool utf8_has_control(const char *text, size_t len);
