/* Random bytes and identifiers (libsodium underneath). */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	ID_SIZE = 32, /* prefix, underscore, 20 characters, NUL */
	ID_RANDOM_LEN = 20,
};

/* Call once before the others. 0 or -EIO. */
int random_init(void);
void random_bytes(void *bytes, size_t len);

/*
 * "lim_" and the like, then 9 base32 characters (Crockford, lower case) of utc_ms and 11 random
 * ones: ids sort by the time they were made, and those of one millisecond as this process made them.
 * prefix is at most 8 characters. Any thread.
 */
void id_make(const char *prefix, uint64_t utc_ms, char id[ID_SIZE]);
/* The id that follows `id` in their order. */
void id_next(char id[ID_SIZE]);

/* A secret of `len` - 1 base62 characters with its NUL. */
void secret_make(char *text, size_t len);
