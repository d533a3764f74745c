/* Identifiers and secrets made of libsodium's random bytes. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/random.h"

enum {
	ID_PREFIX_MAX = 8,
	ID_TIME_LEN = 9, /* 45 bits of ms: over 1,000 years */
};

_Static_assert(ID_PREFIX_MAX + 1 + ID_RANDOM_LEN + 1 <= ID_SIZE, "an id fits");

static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";
static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int random_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void random_bytes(void *bytes, size_t len)
{
	randombytes_buf(bytes, len);
}

void id_make(const char *prefix, uint64_t utc_ms, char id[ID_SIZE])
{
	unsigned char noise[ID_RANDOM_LEN - ID_TIME_LEN];
	char *at;

	assert(strlen(prefix) <= ID_PREFIX_MAX);
	at = stpcpy(id, prefix);
	*at++ = '_';
	for (int shift = 5 * (ID_TIME_LEN - 1); shift >= 0; shift -= 5)
		*at++ = base32[utc_ms >> shift & 31];
	randombytes_buf(noise, sizeof(noise));
	for (size_t i = 0; i < sizeof(noise); i++)
		*at++ = base32[noise[i] & 31];
	*at = '\0';
}

void id_next(char id[ID_SIZE])
{
	char *at = id + strlen(id);

	/* A carry goes on to the left, and in 1,000 years beyond the time's digits. */
	while (at-- > id && *at != '_') {
		const char *digit = strchr(base32, *at);

		assert(digit && *digit);
		*at = digit[1] ? digit[1] : base32[0];
		if (*at != base32[0])
			return;
	}
}

void secret_make(char *text, size_t len)
{
	assert(len > 0);
	for (size_t i = 0; i < len - 1; i++)
		text[i] = base62[randombytes_uniform(sizeof(base62) - 1)];
	text[len - 1] = '\0';
}
