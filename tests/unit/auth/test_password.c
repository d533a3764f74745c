/* Passwords are hashed with Argon2id and a salt of their own. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "base/random.h"

static int start_random(void **state)
{
	return random_init();
}

static void password_hash_matches_only_its_password(void **state)
{
	char hash[AUTH_PASSWORD_HASH_SIZE];

	assert_int_equal(auth_password_hash("correct horse", hash), 0);
	assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);
	assert_true(auth_password_matches("correct horse", hash));
	assert_false(auth_password_matches("correct horsf", hash));
	assert_false(auth_password_matches("", hash));
}

static void password_hashed_twice_differs(void **state)
{
	char first[AUTH_PASSWORD_HASH_SIZE], second[AUTH_PASSWORD_HASH_SIZE];

	assert_int_equal(auth_password_hash("correct horse", first), 0);
	assert_int_equal(auth_password_hash("correct horse", second), 0);
	assert_string_not_equal(first, second);
}

static void password_of_no_hash_never_matches(void **state)
{
	assert_false(auth_password_matches("", ""));
	assert_false(auth_password_matches("secret", "secret"));
	assert_false(auth_password_matches("secret", "$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(password_hash_matches_only_its_password),
		cmocka_unit_test(password_hashed_twice_differs),
		cmocka_unit_test(password_of_no_hash_never_matches),
	};

	return cmocka_run_group_tests_name("auth/password", tests, start_random, NULL);
}
