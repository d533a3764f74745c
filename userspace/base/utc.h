/* Points in time as text: RFC 3339, UTC, milliseconds. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	UTC_TEXT_SIZE = 25, /* "2026-11-23T20:36:00.123Z" and a NUL */
};

/* unix_ms must lie before the year 10000; later ones are shown as its last millisecond before. */
void utc_format(uint64_t unix_ms, char text[UTC_TEXT_SIZE]);
/* Reads exactly what utc_format() writes. 0 or -EINVAL (also for a day that does not exist). */
int utc_parse(const char *text, size_t len, uint64_t *ret_unix_ms);
/* Reads what people write: the same, or without milliseconds, or only the day. 0 or -EINVAL. */
int utc_read(const char *text, size_t len, uint64_t *ret_unix_ms);
