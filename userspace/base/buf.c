/* Grows by doubling and remembers its first failure. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum {
	FIRST_SIZE = 256,
};

/* Decimal digits two at a time: half the divisions. */
static const char digit_pairs[201] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546"
	"4748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293"
	"949596979899";

void buf_init(struct buf *buf)
{
	*buf = (struct buf){0};
}

void buf_init_fixed(struct buf *buf, char *memory, size_t size)
{
	assert(memory && size > 0);
	*buf = (struct buf){.data = memory, .size = size, .fixed = true};
	memory[0] = '\0';
}

void buf_done(struct buf *buf)
{
	if (!buf->fixed)
		free(buf->data);
	*buf = (struct buf){0};
}

char *buf_grow(struct buf *buf, size_t len)
{
	size_t size = buf->size ? buf->size : FIRST_SIZE;
	char *data;

	if (buf->failed)
		return NULL;
	if (len < buf->size - buf->len)
		return buf->data + buf->len;
	if (buf->fixed || len >= SIZE_MAX / 2 - buf->len)
		goto failed;
	while (size <= buf->len + len)
		size *= 2;
	data = realloc(buf->data, size);
	if (!data)
		goto failed;
	buf->data = data;
	buf->size = size;
	return data + buf->len;

failed:
	buf->failed = true;
	return NULL;
}

static size_t count_digits(uint64_t value)
{
	size_t digits = 1;

	for (; value >= 10000; value /= 10000)
		digits += 4;
	return digits + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Writes the digits that end at `end`. */
static void put_digits(uint64_t value, char *end)
{
	for (; value >= 100; value /= 100) {
		end -= 2;
		memcpy(end, digit_pairs + value % 100 * 2, 2);
	}
	if (value < 10)
		end[-1] = (char)('0' + value);
	else
		memcpy(end - 2, digit_pairs + value * 2, 2);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
	size_t len = count_digits(value);
	char *at = buf_reserve(buf, len);

	if (!at)
		return;
	put_digits(value, at + len);
	buf_advance(buf, len);
}

void buf_put_s64(struct buf *buf, int64_t value)
{
	uint64_t amount = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	size_t len = (value < 0) + count_digits(amount);
	char *at = buf_reserve(buf, len);

	if (!at)
		return;
	*at = '-';
	put_digits(amount, at + len);
	buf_advance(buf, len);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	size_t room = buf->failed ? 0 : buf->size - buf->len;
	va_list args;
	int len;

	if (buf->failed)
		return;
	va_start(args, format);
	len = vsnprintf(room ? buf->data + buf->len : NULL, room, format, args);
	va_end(args);
	if (len >= 0 && (size_t)len >= room && buf_grow(buf, (size_t)len)) {
		va_start(args, format);
		len = vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	if (len < 0)
		buf->failed = true;
	if (!buf->failed)
		buf->len += (size_t)len;
	else if (buf->size)
		buf->data[buf->len] = '\0';
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
	char *text;

	assert(!buf->fixed);
	buf_put(buf, "", 0);
	if (buf->failed) {
		buf_done(buf);
		return NULL;
	}
	text = buf->data;
	if (ret_len)
		*ret_len = buf->len;
	buf_init(buf);
	return text;
}
