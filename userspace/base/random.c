/* Identifiers and secrets made of libsodium's random bytes. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "base/random.h"

enum {
	ID_PREFIX_MAX = 8,
	ID_TIME_LEN = 9, /* 45 bits of ms: over 1,000 years */
	ID_NOISE_BITS = 5 * (ID_RANDOM_LEN - ID_TIME_LEN),
	ID_STEP_BITS = 36, /* between two of one millisecond, of which there may be 500,000 */
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

/* Behind the last one of the same millisecond, by so much that none between is taken by id_next(). */
static uint64_t make_noise(uint64_t utc_ms)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t last_ms, last;
	uint64_t noise;

	randombytes_buf(&noise, sizeof(noise));
	pthread_mutex_lock(&lock);
	if (utc_ms == last_ms && last < (1ULL << ID_NOISE_BITS) - (1ULL << ID_STEP_BITS))
		noise = last + 1 + noise % ((1ULL << ID_STEP_BITS) - 1);
	else
		noise %= 1ULL << ID_NOISE_BITS;
	last_ms = utc_ms;
	last = noise;
	pthread_mutex_unlock(&lock);
	return noise;
}

static char *put_digits(uint64_t value, int n, char *at)
{
	for (int shift = 5 * (n - 1); shift >= 0; shift -= 5)
		*at++ = base32[value >> shift & 31];
	return at;
}

void id_make(const char *prefix, uint64_t utc_ms, char id[ID_SIZE])
{
	char *at;

	assert(strlen(prefix) <= ID_PREFIX_MAX);
	at = stpcpy(id, prefix);
	*at++ = '_';
	at = put_digits(utc_ms, ID_TIME_LEN, at);
	at = put_digits(make_noise(utc_ms), ID_RANDOM_LEN - ID_TIME_LEN, at);
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
