/* Whether bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* NUL counts as well-formed: callers that refuse it look for it themselves. */
bool utf8_valid(const char *text, size_t len);
