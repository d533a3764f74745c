/* Revisions as entity tags, and what If-Match asks for. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "doors/http/reply.h"

enum {
	ETAG_E_INVALID = 1,  /* neither * nor a list of entity tags */
	ETAG_E_MISMATCH = 2, /* none of them is the current one */
};

/* The strong tag `"<revision>"`. */
void etag_format(uint64_t revision, char text[REPLY_TEXT_SIZE]);

/*
 * Compares If-Match strongly (RFC 9110 13.1.1: a weak tag never matches). 0 with *ret the current
 * revision, or 0 for `*`.
 */
int etag_match(const char *text, size_t len, uint64_t current, uint64_t *ret);
