/* Checks UTF-8 by the table of RFC 3629, ASCII eight bytes at a time. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define HIGH_BITS 0x8080808080808080ULL

static size_t skip_ascii(const unsigned char *at, size_t left)
{
	size_t done = 0;
	uint64_t eight;

	for (; left - done >= sizeof(eight); done += sizeof(eight)) {
		memcpy(&eight, at + done, sizeof(eight));
		if (eight & HIGH_BITS)
			break;
	}
	while (done < left && at[done] < 0x80)
		done++;
	return done;
}

/*
 * Bytes of the character that begins with a non-ASCII byte, or 0. The second byte's range is what
 * keeps overlong forms, surrogates and everything above U+10FFFF out.
 */
static size_t check_sequence(const unsigned char *at, size_t left)
{
	size_t len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
	unsigned char least = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
	unsigned char most = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;

	if (at[0] < 0xC2 || at[0] > 0xF4 || left < len)
		return 0;
	if (at[1] < least || at[1] > most)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool utf8_valid(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t step;

	while (len > 0) {
		step = at[0] < 0x80 ? skip_ascii(at, len) : check_sequence(at, len);
		if (step == 0)
			return false;
		at += step;
		len -= step;
	}
	return true;
}

size_t utf8_cut(const char *text, size_t len)
{
	size_t at = len;

	/* Back over at most one unfinished character: its lead byte and what follows it. */
	for (size_t back = 1; back <= 4 && back <= len; back++) {
		at = len - back;
		if (((unsigned char)text[at] & 0xC0) != 0x80)
			break;
	}
	return utf8_valid(text + at, len - at) ? len : at;
}

bool utf8_has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7F)
			return true;
		/* C1 in its two bytes. */
		if (c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0)
			return true;
	}
	return false;
}
