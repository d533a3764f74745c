/* The one strict way to read numbers and durations that somebody typed. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	DURATION_TEXT_SIZE = 32,
};

/* Decimal digits only (a leading `-` for s64), nothing around them, no overflow. 0 or -EINVAL,
 * -ERANGE. */
int number_parse_u64(const char *text, size_t len, uint64_t *ret);
int number_parse_s64(const char *text, size_t len, int64_t *ret);

/*
 * A whole number and a unit: ms, s, m, h, d ("500ms", "1m", "365d"). No sign, no fraction, not 0.
 * 0, -EINVAL (form), -ERANGE (over 2^63 ns).
 */
int duration_parse_ns(const char *text, size_t len, uint64_t *ret_ns);
/* The shortest form that duration_parse_ns reads back; ns must be whole milliseconds. */
void duration_format(uint64_t ns, char text[DURATION_TEXT_SIZE]);
