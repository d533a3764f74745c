/* Finds the API key of a token: an open-addressed table over digests that never changes. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auth/auth.h"

/* A slot says who is calling outright, so that a hit is one probe and one copy. */
struct keyring_slot {
	bool used;
	uint8_t digest[AUTH_DIGEST_SIZE];
	struct principal principal;
};

struct keyring {
	atomic_uint references;
	uint8_t memo_key[crypto_shorthash_siphashx24_KEYBYTES];
	size_t mask; /* slots minus one; at least half of them stay empty, so that probes end */
	struct keyring_slot slots[];
};

/* Tokens are digested first, so nobody aims at a slot without inverting BLAKE2b. */
static size_t slot_of(const struct keyring *keyring, const uint8_t digest[AUTH_DIGEST_SIZE])
{
	uint64_t start;

	memcpy(&start, digest, sizeof(start));
	return (size_t)start & keyring->mask;
}

/* In time that says nothing: four words, where sodium_memcmp() takes a byte at a time. */
static bool is_equal(const uint8_t a[AUTH_DIGEST_SIZE], const uint8_t b[AUTH_DIGEST_SIZE])
{
	uint64_t x[AUTH_DIGEST_SIZE / 8], y[AUTH_DIGEST_SIZE / 8], difference = 0;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	for (size_t i = 0; i < AUTH_DIGEST_SIZE / 8; i++)
		difference |= x[i] ^ y[i];
	return difference == 0;
}

/* The slot that holds this digest, else the empty one where it belongs. */
static size_t probe_slot(const struct keyring *keyring, const uint8_t digest[AUTH_DIGEST_SIZE])
{
	size_t i = slot_of(keyring, digest);

	while (keyring->slots[i].used && !is_equal(keyring->slots[i].digest, digest))
		i = (i + 1) & keyring->mask;
	return i;
}

static void add_entry(struct keyring *keyring, const struct keyring_entry *entry)
{
	struct keyring_slot *slot = &keyring->slots[probe_slot(keyring, entry->key.digest)];

	if (slot->used)
		return;
	slot->used = true;
	memcpy(slot->digest, entry->key.digest, AUTH_DIGEST_SIZE);
	memcpy(slot->principal.key_id, entry->key.id, sizeof(slot->principal.key_id));
	memcpy(slot->principal.tenant, entry->key.tenant, sizeof(slot->principal.tenant));
	slot->principal.tenant_number = entry->tenant_number;
	slot->principal.rights = entry->key.rights;
}

int keyring_new(const struct keyring_entry *entries, size_t n, struct keyring **ret)
{
	struct keyring *keyring;
	size_t slots = 8;

	while (slots < 2 * n)
		slots *= 2;
	keyring = calloc(1, sizeof(*keyring) + slots * sizeof(keyring->slots[0]));
	if (!keyring)
		return -ENOMEM;
	atomic_init(&keyring->references, 1);
	randombytes_buf(keyring->memo_key, sizeof(keyring->memo_key));
	keyring->mask = slots - 1;
	for (size_t i = 0; i < n; i++)
		add_entry(keyring, &entries[i]);
	*ret = keyring;
	return 0;
}

struct keyring *keyring_ref(struct keyring *keyring)
{
	atomic_fetch_add_explicit(&keyring->references, 1, memory_order_relaxed);
	return keyring;
}

void keyring_free(struct keyring *keyring)
{
	if (keyring &&
	    atomic_fetch_sub_explicit(&keyring->references, 1, memory_order_acq_rel) == 1)
		free(keyring);
}

int keyring_find(const struct keyring *keyring, const char *token, size_t len,
		 struct principal *ret)
{
	uint8_t digest[AUTH_DIGEST_SIZE];
	const struct keyring_slot *slot;

	if (len < AUTH_TOKEN_MIN || len > AUTH_TOKEN_MAX)
		return AUTH_E_UNKNOWN;
	auth_digest(token, len, digest);
	slot = &keyring->slots[probe_slot(keyring, digest)];
	if (!slot->used)
		return AUTH_E_UNKNOWN;
	*ret = slot->principal;
	return 0;
}

int keyring_recall(const struct keyring *keyring, const char *token, size_t len,
		   struct keyring_memo *memo, struct principal *ret)
{
	uint8_t tag[sizeof(memo->tag)];
	int err;

	_Static_assert(sizeof(tag) == crypto_shorthash_siphashx24_BYTES, "a tag is one SipHash");
	crypto_shorthash_siphashx24(tag, (const unsigned char *)token, len, keyring->memo_key);
	if (memo->used && sodium_memcmp(memo->tag, tag, sizeof(tag)) == 0) {
		*ret = memo->who;
		return 0;
	}
	err = keyring_find(keyring, token, len, ret);
	if (err)
		return err;
	memcpy(memo->tag, tag, sizeof(tag));
	memo->who = *ret;
	memo->used = true;
	return 0;
}
