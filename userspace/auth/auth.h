/* Who is calling, and what may they do: Bearer API keys of tenants. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/api_key.h"

/* The credentials are unknown or malformed. */
#define AUTH_E_UNKNOWN 1
/* They were good until a time that has come. */
#define AUTH_E_EXPIRED 2

enum {
	AUTH_TOKEN_MIN = 24, /* characters */
	AUTH_TOKEN_MAX = 256,
	AUTH_TOKEN_SIZE = 45, /* of those made here, with their NUL */
	AUTH_PASSWORD_MIN = 10,
};

/* What a key may do; a route names what it needs. */
enum auth_right {
	AUTH_CHECK = 1 << 0,        /* ask and refund */
	AUTH_LIMITS_READ = 1 << 1,  /* see limits */
	AUTH_LIMITS_WRITE = 1 << 2, /* create, change, delete, reset limits */
	AUTH_METRICS_READ = 1 << 3, /* see what is measured */
	AUTH_EVENTS_READ = 1 << 4,  /* watch rates and sampled decisions, with their keys */
	AUTH_KEYS_READ = 1 << 5,    /* see which API keys there are */
	AUTH_KEYS_WRITE = 1 << 6,   /* make and revoke API keys */
	AUTH_AUDIT_READ = 1 << 7,   /* see who changed what */
	AUTH_USAGE_READ = 1 << 8,   /* see how much was asked */
};
enum {
	AUTH_ALL = (1 << 9) - 1, /* "all": also the rights that later versions add */
};

/* "limits:read"; "all" of AUTH_ALL; "none" of what is no one right. Static. */
const char *auth_right_name(uint32_t right);
/* The right of this name, AUTH_ALL of "all"; 0: there is none. */
uint32_t auth_right_find(const char *name, size_t len);

/* Who is calling. */
struct principal {
	char key_id[ID_SIZE];
	char tenant[TENANT_ID_SIZE];
	uint32_t tenant_number; /* as the engine counts tenants */
	uint32_t rights;
	uint64_t expires_at_ms; /* unix time; 0: never */
};

/* "slk_", by which whoever scans for leaked secrets knows it, and 40 base62 characters: 238 bits. */
void auth_token_make(char token[AUTH_TOKEN_SIZE]);
/* BLAKE2b-256. */
void auth_digest(const char *token, size_t len, uint8_t digest[AUTH_DIGEST_SIZE]);

/*
 * An immutable set of keys, found by digest in constant time whatever the token: the digest is
 * keyed into a table and compared in full.
 */
struct keyring;
struct keyring_entry {
	struct api_key key;
	uint32_t tenant_number;
	struct key_use *use; /* when it was used last: shared by keyrings. NULL: made by the next */
};
/*
 * Copies the entries, which are sorted by tenant and id; of two with one digest the first counts.
 * 0 or -ENOMEM.
 */
int keyring_new(const struct keyring_entry *entries, size_t n, struct keyring **ret);
/* Shares it: one more keyring_free is due. Any thread. */
struct keyring *keyring_ref(struct keyring *keyring);
/* NULL is fine. */
void keyring_free(struct keyring *keyring);
/* All of them as they were given, borrowed. */
const struct keyring_entry *keyring_entries(const struct keyring *keyring, size_t *ret_n);
/* Whether an entry sorts before (< 0), at (0) or behind this tenant and id. */
int keyring_compare(const struct keyring_entry *entry, const char *tenant, const char *id);
/* The place of the first entry that is not before them. */
size_t keyring_place(const struct keyring_entry *entries, size_t n, const char *tenant,
		     const char *id);

/* 0 or AUTH_E_UNKNOWN; whether the key has expired is the caller's to see. About 0.3 us: fit for a polling thread. */
int keyring_find(const struct keyring *keyring, const char *token, size_t len,
		 struct principal *ret);

/*
 * Who used a token last, known by its SipHash-2-4 (128 bits) under a key that each keyring makes
 * for itself, so that what is remembered ends with the keyring. Zeroed, it remembers nobody. One
 * thread at a time.
 */
struct keyring_memo {
	uint8_t tag[16];
	struct key_use *use; /* borrowed from the keyring; NULL: nobody is remembered */
	struct principal who;
};
/* The same as keyring_find(), at a fifth of its cost when the token is the one in *memo. */
int keyring_recall(const struct keyring *keyring, const char *token, size_t len,
		   struct keyring_memo *memo, struct principal *ret);

/*
 * Notes that a key was used: written at most once in KEY_USE_EVERY_MS, so that all threads can say
 * it of every request. In memory only.
 */
enum { KEY_USE_EVERY_MS = 60000 };
void key_use_note(struct key_use *use, uint64_t now_ms);
/* The unix time that was noted last; 0: never. */
uint64_t key_use_last_ms(const struct key_use *use);

/* Argon2id; takes tens of milliseconds and 64 MiB: never on a polling thread. 0 or -ENOMEM. */
enum { AUTH_PASSWORD_HASH_SIZE = 128 };
int auth_password_hash(const char *password, char hash[AUTH_PASSWORD_HASH_SIZE]);
bool auth_password_matches(const char *password, const char *hash);
