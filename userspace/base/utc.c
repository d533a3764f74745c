/* Formats by gmtime_r, and reads back only what it would have written. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/utc.h"

#define UNIX_MS_MAX 253402300799999ULL /* 9999-12-31T23:59:59.999Z */

static const char form[] = "0000-00-00T00:00:00.000Z";

_Static_assert(sizeof(form) == UTC_TEXT_SIZE, "the form is the text's size");

static void put_digits(char *at, int digits, unsigned int value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

void utc_format(uint64_t unix_ms, char text[UTC_TEXT_SIZE])
{
	time_t seconds;
	struct tm tm;

	if (unix_ms > UNIX_MS_MAX)
		unix_ms = UNIX_MS_MAX;
	seconds = (time_t)(unix_ms / 1000);
	gmtime_r(&seconds, &tm);
	memcpy(text, form, sizeof(form));
	put_digits(text, 4, (unsigned int)tm.tm_year + 1900);
	put_digits(text + 5, 2, (unsigned int)tm.tm_mon + 1);
	put_digits(text + 8, 2, (unsigned int)tm.tm_mday);
	put_digits(text + 11, 2, (unsigned int)tm.tm_hour);
	put_digits(text + 14, 2, (unsigned int)tm.tm_min);
	put_digits(text + 17, 2, (unsigned int)tm.tm_sec);
	put_digits(text + 20, 3, (unsigned int)(unix_ms % 1000));
}

/* -1 if they are no digits: no field of a date that exists is negative. */
static int read_digits(const char *at, size_t digits)
{
	uint64_t value;

	return number_parse_u64(at, digits, &value) == 0 ? (int)value : -1;
}

int utc_parse(const char *text, size_t len, uint64_t *ret_unix_ms)
{
	char again[UTC_TEXT_SIZE];
	struct tm tm = {0};
	time_t seconds;
	uint64_t ms;

	if (len != UTC_TEXT_SIZE - 1)
		return -EINVAL;
	tm.tm_year = read_digits(text, 4) - 1900;
	tm.tm_mon = read_digits(text + 5, 2) - 1;
	tm.tm_mday = read_digits(text + 8, 2);
	tm.tm_hour = read_digits(text + 11, 2);
	tm.tm_min = read_digits(text + 14, 2);
	tm.tm_sec = read_digits(text + 17, 2);
	seconds = timegm(&tm);
	if (seconds < 0)
		return -EINVAL;
	ms = (uint64_t)seconds * 1000 + (uint64_t)read_digits(text + 20, 3);
	/* timegm() accepts 30 February; only a canonical date is written back the same. */
	utc_format(ms, again);
	if (memcmp(text, again, len) != 0)
		return -EINVAL;
	*ret_unix_ms = ms;
	return 0;
}

int utc_read(const char *text, size_t len, uint64_t *ret_unix_ms)
{
	static const char midnight[] = "T00:00:00.000Z", whole[] = ".000Z";
	const size_t day = sizeof(form) - sizeof(midnight), second = sizeof(form) - sizeof(whole);
	char full[UTC_TEXT_SIZE];

	memcpy(full, form, sizeof(form));
	if (len == day)
		memcpy(full, text, day);
	else if (len == second + 1 && text[second] == 'Z')
		memcpy(full, text, second);
	else
		return utc_parse(text, len, ret_unix_ms);
	return utc_parse(full, sizeof(full) - 1, ret_unix_ms);
}
