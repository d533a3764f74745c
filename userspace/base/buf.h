/* A growing text buffer whose errors stick, so that writers check once at the end. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * data is NUL-terminated whenever failed is false and something was written. May start on memory
 * of the caller (buf_init_fixed): then it never allocates and fails when full.
 */
struct buf {
	char *data;
	size_t len;
	size_t size;
	bool fixed;
	bool failed; /* out of memory or of room; all later writes do nothing */
};

void buf_init(struct buf *buf);
/* size counts the final NUL. */
void buf_init_fixed(struct buf *buf, char *memory, size_t size);
void buf_done(struct buf *buf);

/* Empties it, forgets a failure and keeps the memory. */
static inline void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_s64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Gives the heap text to the caller (takes nothing on failure: NULL); buf is empty afterwards. */
char *buf_take(struct buf *buf, size_t *ret_len);

/*
 * For fast writers: room for `len` more bytes and a NUL at the end of the text, or NULL. Fill a
 * part of it, then say with buf_advance() how much.
 */
char *buf_grow(struct buf *buf, size_t len);

static inline char *buf_reserve(struct buf *buf, size_t len)
{
	if (__builtin_expect(!buf->failed && len < buf->size - buf->len, 1))
		return buf->data + buf->len;
	return buf_grow(buf, len);
}

static inline void buf_advance(struct buf *buf, size_t len)
{
	buf->len += len;
	buf->data[buf->len] = '\0';
}

/* Inline: most of what is put is literal, and then its length and its copying are compiled in. */
static inline void buf_put(struct buf *buf, const void *bytes, size_t len)
{
	char *at = buf_reserve(buf, len);

	if (!at)
		return;
	if (len > 0)
		memcpy(at, bytes, len);
	buf_advance(buf, len);
}

static inline void buf_put_str(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

static inline void buf_put_char(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

#define _cleanup_buf_ _cleanup_(buf_done)
