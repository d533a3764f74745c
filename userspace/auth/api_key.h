/* An API key as the store keeps it, as people send it and as they see it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/field_error.h"
#include "base/random.h"
#include "json/json.h"

/* What was sent is wrong; *error names the field. */
#define API_KEY_E_INVALID 1

enum {
	API_KEY_NAME_MAX = 63, /* bytes */
	AUTH_DIGEST_SIZE = 32,
	TENANT_ID_SIZE = 32,
};

/* Only the digest (BLAKE2b-256) of its token is ever kept. */
struct api_key {
	char id[ID_SIZE]; /* "key_..." */
	char tenant[TENANT_ID_SIZE];
	char name[API_KEY_NAME_MAX + 1]; /* for people; several may have one */
	uint32_t rights;
	uint8_t digest[AUTH_DIGEST_SIZE];
	uint64_t created_at_ms; /* unix time */
	uint64_t updated_at_ms;
	uint64_t expires_at_ms; /* 0: never */
	uint64_t revision;      /* store revision of the last change */
};

/*
 * Records as the store keeps them. api_key_load() reads older schemas, too, and leaves revision
 * alone. 0, AUTH_E_UNKNOWN with *error, -ENOMEM.
 */
void api_key_save(const struct api_key *key, struct buf *buf);
int api_key_load(const char *text, size_t len, struct field_error *error, struct api_key *ret);

/*
 * What a user sent to make a key: name and rights, and perhaps expires_in, which counts from now_ms.
 * Fills these and both times, and leaves the rest alone. 0 or API_KEY_E_INVALID.
 */
int api_key_parse(const struct json *object, uint64_t now_ms, struct field_error *error,
		  struct api_key *ret);
/*
 * What a user sent to change *ret, of which absent members keep their value. expires_in null: never.
 * What only the service sets is ignored, so that the answer of a GET can be edited and sent back;
 * but another id is refused. On failure *ret is as it was.
 */
int api_key_parse_update(const struct json *object, uint64_t now_ms, struct field_error *error,
			 struct api_key *ret);

/*
 * What changed from one form of a key to the other, as {"before":{...},"after":{...}} with what
 * differs of name, rights and expires_at. NULL: it was not there, is not there any more; then the
 * other one is whole. Never a token or a digest.
 */
struct json_writer;
void api_key_write_change(const struct api_key *before, const struct api_key *after,
			  struct json_writer *writer);

/* Its time is over. */
static inline bool api_key_expired(const struct api_key *key, uint64_t now_ms)
{
	return key->expires_at_ms && now_ms >= key->expires_at_ms;
}

/* What is shown of a key beside what is stored. */
struct api_key_shown {
	uint64_t now_ms;
	uint64_t last_used_at_ms; /* 0: null */
	const char *token;        /* NULL: it is not shown */
};
/* A key as the API shows it. */
void api_key_write(const struct api_key *key, const struct api_key_shown *shown, struct buf *buf);
