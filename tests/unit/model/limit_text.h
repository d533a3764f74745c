/* Limits from JSON text, for the tests of the model. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/limit.h"

/* Parse failures of the JSON itself fail the test. The rest is what the model returns. */
int limit_from_text(const char *text, struct field_error *error, struct limit *ret);
int limit_update_from_text(const char *text, const struct limit *base, struct field_error *error,
			   struct limit *ret);
/* Fails the test unless the text is accepted. */
void limit_must_parse(const char *text, struct limit *ret);

/* Fails the test unless r is MODEL_E_INVALID, of this field, with this piece in the message. */
void limit_must_be_refused(int r, const struct field_error *error, const char *field,
			   const char *piece, const char *text);

/* A limit that cannot be created, the field at fault and a piece of the message. */
struct limit_refusal {
	const char *text, *field, *piece;
};
/* Also that nothing half-read comes out, and that nobody has to look at the error. */
void limits_must_be_refused(const struct limit_refusal *rows, size_t n);

/* limit_write() without stats; the caller frees. */
char *limit_to_text(const struct limit *limit);
