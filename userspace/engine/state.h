/* The bytes of exported state: what export.c writes and import.c reads. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/engine.h"

/*
 * A block is the moment it was made (u64, ns of the exporter's clock), then records, each with its
 * kind first. All numbers are little-endian.
 *
 *   limit  u8 1, u8 id length, id, u64 limit, u64 burst, u64 interval_ns, u64 phase_ns,
 *          u32 algorithm: gets the next number, from 0, for all later blocks too. Parameters are
 *          compiled anew from these, so that no bytes can make impossible ones.
 *   key    u8 2, u8 words, u16 key length, u32 tenant, key, then per word u32 number of its limit
 *          and u64 word
 */
enum {
	STATE_LIMIT = 1,
	STATE_KEY = 2,
	STATE_LIMIT_MAX = 2 + ENGINE_ID_SIZE + 4 * 8 + 4,
	STATE_KEY_MAX = 8 + ENGINE_KEY_MAX + ENGINE_MATCH_MAX * 12,
	/* A key and all of its limits. */
	STATE_RECORD_MAX = STATE_KEY_MAX + ENGINE_MATCH_MAX * STATE_LIMIT_MAX,
};

_Static_assert(STATE_RECORD_MAX + 8 <= ENGINE_BLOCK_MIN, "every key fits every block");

struct state_writer {
	uint8_t *at; /* the caller has made sure of room */
};

static inline void state_put(struct state_writer *writer, const void *bytes, size_t len)
{
	memcpy(writer->at, bytes, len);
	writer->at += len;
}

static inline void state_put_u8(struct state_writer *writer, uint8_t value)
{
	*writer->at++ = value;
}

static inline void state_put_u16(struct state_writer *writer, uint16_t value)
{
	value = htole16(value);
	state_put(writer, &value, sizeof(value));
}

static inline void state_put_u32(struct state_writer *writer, uint32_t value)
{
	value = htole32(value);
	state_put(writer, &value, sizeof(value));
}

static inline void state_put_u64(struct state_writer *writer, uint64_t value)
{
	value = htole64(value);
	state_put(writer, &value, sizeof(value));
}

/* Past the end it reads zeros and remembers that it did. */
struct state_reader {
	const uint8_t *at, *end;
	bool failed;
};

/* Borrowed; NULL: there are not so many. */
static inline const uint8_t *state_get(struct state_reader *reader, size_t len)
{
	const uint8_t *bytes = reader->at;

	if (reader->failed || (size_t)(reader->end - reader->at) < len) {
		reader->failed = true;
		return NULL;
	}
	reader->at += len;
	return bytes;
}

static inline uint8_t state_get_u8(struct state_reader *reader)
{
	const uint8_t *bytes = state_get(reader, 1);

	return bytes ? *bytes : 0;
}

static inline uint16_t state_get_u16(struct state_reader *reader)
{
	const uint8_t *bytes = state_get(reader, 2);
	uint16_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le16toh(value);
}

static inline uint32_t state_get_u32(struct state_reader *reader)
{
	const uint8_t *bytes = state_get(reader, 4);
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static inline uint64_t state_get_u64(struct state_reader *reader)
{
	const uint8_t *bytes = state_get(reader, 8);
	uint64_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}
