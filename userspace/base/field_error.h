/* Says which field of an input is wrong, and why, in words for the person who sent it. */
/* SPDX-License-Identifier: MIT */
#pragma once

enum {
	FIELD_NAME_SIZE = 96,
	FIELD_MESSAGE_SIZE = 256,
};

struct field_error {
	char field[FIELD_NAME_SIZE]; /* "limit", "match.dst", "checks[3].key"; "" for the whole */
	char message[FIELD_MESSAGE_SIZE]; /* "must be at least 1" */
};

/* Fills *error (which may be NULL); too long texts are cut at a character's boundary. */
void field_error_set(struct field_error *error, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
