/* Any bytes as a duration or a number: what is read is written back and read the same. */
/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utc.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_duration(const char *text, size_t len)
{
	char written[DURATION_TEXT_SIZE];
	uint64_t ns, again;

	if (duration_parse_ns(text, len, &ns) != 0)
		return;
	check(ns > 0 && ns <= 1ULL << 63 && ns % 1000000 == 0);
	duration_format(ns, written);
	check(duration_parse_ns(written, strlen(written), &again) == 0);
	check(again == ns);
	/* Shortest: leading zeros apart, nobody wrote it shorter. */
	check(strlen(written) <= len);
}

static void check_numbers(const char *text, size_t len)
{
	char written[32];
	uint64_t u;
	int64_t s;

	if (number_parse_u64(text, len, &u) == 0) {
		snprintf(written, sizeof(written), "%llu", (unsigned long long)u);
		while (len > 1 && *text == '0') {
			text++;
			len--;
		}
		check(strlen(written) == len && memcmp(written, text, len) == 0);
	}
	if (number_parse_s64(text, len, &s) == 0 && s > 0)
		check(number_parse_u64(text, len, &u) == 0 && u == (uint64_t)s);
}

static void check_time(const char *text, size_t len)
{
	char written[UTC_TEXT_SIZE];
	uint64_t ms;

	if (utc_parse(text, len, &ms) != 0)
		return;
	utc_format(ms, written);
	check(strlen(written) == len && memcmp(written, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_duration(text, size);
	check_numbers(text, size);
	check_time(text, size);
	return 0;
}
