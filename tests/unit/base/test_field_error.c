/* A field error holds what it was given, cut between two characters if need be. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/field_error.h"
#include "base/utf8.h"

static void field_error_holds_field_and_message(void **state)
{
	struct field_error error;

	field_error_set(&error, "match.dst", "must be at least %d", 1);
	assert_string_equal(error.field, "match.dst");
	assert_string_equal(error.message, "must be at least 1");
}

static void field_error_without_a_place_is_dropped(void **state)
{
	field_error_set(NULL, "limit", "must be at least %d", 1);
}

static void field_error_texts_are_cut_between_characters(void **state)
{
	struct field_error error;
	char text[1000];

	for (size_t skew = 0; skew < 4; skew++) {
		memset(text, 'a', sizeof(text));
		for (size_t i = skew; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xE2\x82\xAC", 3);
		text[sizeof(text) - 1] = '\0';
		field_error_set(&error, text, "%s", text);
		assert_in_range(strlen(error.field), FIELD_NAME_SIZE - 4, FIELD_NAME_SIZE - 1);
		assert_in_range(strlen(error.message), FIELD_MESSAGE_SIZE - 4,
				FIELD_MESSAGE_SIZE - 1);
		assert_true(utf8_valid(error.field, strlen(error.field)));
		assert_true(utf8_valid(error.message, strlen(error.message)));
		assert_memory_equal(error.message, text, strlen(error.message));
	}
}

static void field_error_texts_of_exactly_the_size_are_whole(void **state)
{
	struct field_error error;
	char field[FIELD_NAME_SIZE], message[FIELD_MESSAGE_SIZE];

	memset(field, 'f', sizeof(field) - 1);
	field[sizeof(field) - 1] = '\0';
	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	field_error_set(&error, field, "%s", message);
	assert_string_equal(error.field, field);
	assert_string_equal(error.message, message);
}

static void field_error_can_be_wrapped_in_itself(void **state)
{
	struct field_error error;
	char field[FIELD_NAME_SIZE];

	field_error_set(&error, "key", "is required");
	strcpy(field, error.field);
	field_error_set(&error, error.field, "check 3: %s", error.message);
	assert_string_equal(error.field, field);
	assert_string_equal(error.message, "check 3: is required");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_error_holds_field_and_message),
		cmocka_unit_test(field_error_without_a_place_is_dropped),
		cmocka_unit_test(field_error_texts_are_cut_between_characters),
		cmocka_unit_test(field_error_texts_of_exactly_the_size_are_whole),
		cmocka_unit_test(field_error_can_be_wrapped_in_itself),
	};

	return cmocka_run_group_tests_name("field_error", tests, NULL, NULL);
}
