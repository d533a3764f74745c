/* Passwords of people: Argon2id with libsodium's limits for interactive use. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "auth/auth.h"

_Static_assert(AUTH_PASSWORD_HASH_SIZE >= crypto_pwhash_argon2id_STRBYTES, "a hash fits");

int auth_password_hash(const char *password, char hash[AUTH_PASSWORD_HASH_SIZE])
{
	if (crypto_pwhash_argon2id_str(hash, password, strlen(password),
				       crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
				       crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) != 0)
		return -ENOMEM;
	return 0;
}

bool auth_password_matches(const char *password, const char *hash)
{
	return crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0;
}
