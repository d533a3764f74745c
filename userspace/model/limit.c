/* A limit's life: made with its defaults, copied, compared, released. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/limit_priv.h"

int limit_refuse(struct field_error *error, const char *field, const char *format, ...)
{
	char message[FIELD_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	field_error_set(error, field, "%s", message);
	return MODEL_E_INVALID;
}

void limit_init(struct limit *limit)
{
	/* The first of each choice is its default. */
	*limit = (struct limit){.origin = "api"};
}

void limit_done(struct limit *limit)
{
	free(limit->key);
	free(limit->match);
	limit->key = NULL;
	limit->key_len = 0;
	limit->match = NULL;
}

int limit_copy(const struct limit *from, struct limit *ret)
{
	struct packet_match *match = NULL;
	char *key = NULL;

	if (from->key) {
		key = strndup(from->key, from->key_len);
		if (!key)
			return -ENOMEM;
	}
	if (from->match) {
		match = malloc(sizeof(*match));
		if (!match) {
			free(key);
			return -ENOMEM;
		}
		*match = *from->match;
	}
	*ret = *from;
	ret->key = key;
	ret->match = match;
	return 0;
}

void limit_date(struct limit *limit, uint64_t now_ms)
{
	limit->created_at_ms = now_ms;
	limit->updated_at_ms = now_ms;
	limit->confirm_by_ms = limit->confirm_ms ? now_ms + limit->confirm_ms : 0;
	limit->confirm_ms = 0;
}

uint64_t limit_due_ms(const struct limit *limit, uint64_t now_ms)
{
	uint64_t made_ms = limit->created_at_ms, by_ms = limit->confirm_by_ms;
	uint64_t time_ms = by_ms > made_ms ? by_ms - made_ms : 0;

	if (by_ms == 0)
		return UINT64_MAX;
	return now_ms < made_ms && made_ms - now_ms > time_ms ? 0 : by_ms;
}

bool limit_same_subject(const struct limit *a, const struct limit *b)
{
	if (a->scope != b->scope || a->algorithm != b->algorithm ||
	    a->interval_ns != b->interval_ns)
		return false;
	if (a->scope == LIMIT_SCOPE_PACKET)
		return a->unit == b->unit && packet_match_same(a->match, b->match);
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

void limit_subject(const struct limit *limit, struct buf *buf)
{
	buf_put_str(buf, limit_choice_text(limit_scopes, limit->scope));
	buf_put_char(buf, ':');
	buf_put_str(buf, limit_choice_text(limit_algorithms, limit->algorithm));
	buf_put_char(buf, ':');
	buf_put_u64(buf, limit->interval_ns);
	buf_put_char(buf, ':');
	if (limit->scope == LIMIT_SCOPE_PACKET) {
		buf_put_str(buf, limit->unit == LIMIT_BYTES ? "bytes:" : "packets:");
		packet_match_format(limit->match, buf);
		return;
	}
	/* The length says where the key ends, whatever is in it. */
	buf_put_u64(buf, limit->key_len);
	buf_put_char(buf, ':');
	buf_put(buf, limit->key, limit->key_len);
}
