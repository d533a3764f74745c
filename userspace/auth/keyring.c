/* Finds the API key of a token: an open-addressed table over digests that never changes. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auth/auth.h"

/* When a key was used last: lives as long as a keyring holds the key. */
struct key_use {
	atomic_uint references;
	atomic_uint_least64_t at_ms;
};

/* A slot says who is calling outright, so that a hit is one probe and one copy. */
struct keyring_slot {
	struct key_use *use; /* NULL: the slot is empty */
	uint8_t digest[AUTH_DIGEST_SIZE];
	struct principal principal;
};

struct keyring {
	atomic_uint references;
	uint8_t memo_key[crypto_shorthash_siphashx24_KEYBYTES];
	struct keyring_entry *entries; /* each holds a reference of its use */
	size_t n;
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

	while (keyring->slots[i].use && !is_equal(keyring->slots[i].digest, digest))
		i = (i + 1) & keyring->mask;
	return i;
}

static void fill_slot(struct keyring *keyring, const struct keyring_entry *entry)
{
	struct keyring_slot *slot = &keyring->slots[probe_slot(keyring, entry->key.digest)];

	if (slot->use)
		return;
	slot->use = entry->use;
	memcpy(slot->digest, entry->key.digest, AUTH_DIGEST_SIZE);
	memcpy(slot->principal.key_id, entry->key.id, sizeof(slot->principal.key_id));
	memcpy(slot->principal.tenant, entry->key.tenant, sizeof(slot->principal.tenant));
	slot->principal.tenant_number = entry->tenant_number;
	slot->principal.rights = entry->key.rights;
	slot->principal.expires_at_ms = entry->key.expires_at_ms;
}

/* Takes a reference, of a new one if there is none yet. */
static int hold_use(struct key_use **use)
{
	if (*use) {
		atomic_fetch_add_explicit(&(*use)->references, 1, memory_order_relaxed);
		return 0;
	}
	*use = calloc(1, sizeof(**use));
	if (!*use)
		return -ENOMEM;
	atomic_init(&(*use)->references, 1);
	return 0;
}

static void release_use(struct key_use *use)
{
	if (atomic_fetch_sub_explicit(&use->references, 1, memory_order_acq_rel) == 1)
		free(use);
}

static int copy_entries(struct keyring *keyring, const struct keyring_entry *entries, size_t n)
{
	keyring->entries = calloc(n + 1, sizeof(*entries));
	if (!keyring->entries)
		return -ENOMEM;
	for (; keyring->n < n; keyring->n++) {
		struct keyring_entry *entry = &keyring->entries[keyring->n];

		*entry = entries[keyring->n];
		if (hold_use(&entry->use))
			return -ENOMEM;
		fill_slot(keyring, entry);
	}
	return 0;
}

int keyring_new(const struct keyring_entry *entries, size_t n, struct keyring **ret)
{
	struct keyring *keyring;
	size_t slots = 8;
	int r;

	while (slots < 2 * n)
		slots *= 2;
	keyring = calloc(1, sizeof(*keyring) + slots * sizeof(keyring->slots[0]));
	if (!keyring)
		return -ENOMEM;
	atomic_init(&keyring->references, 1);
	randombytes_buf(keyring->memo_key, sizeof(keyring->memo_key));
	keyring->mask = slots - 1;
	r = copy_entries(keyring, entries, n);
	if (r) {
		keyring_free(keyring);
		return r;
	}
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
	if (!keyring ||
	    atomic_fetch_sub_explicit(&keyring->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < keyring->n; i++)
		release_use(keyring->entries[i].use);
	free(keyring->entries);
	free(keyring);
}

const struct keyring_entry *keyring_entries(const struct keyring *keyring, size_t *ret_n)
{
	*ret_n = keyring->n;
	return keyring->entries;
}

int keyring_compare(const struct keyring_entry *entry, const char *tenant, const char *id)
{
	int order = strcmp(entry->key.tenant, tenant);

	return order ? order : strcmp(entry->key.id, id);
}

size_t keyring_place(const struct keyring_entry *entries, size_t n, const char *tenant,
		     const char *id)
{
	size_t low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (keyring_compare(&entries[middle], tenant, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL: nobody has this token. */
static const struct keyring_slot *find_slot(const struct keyring *keyring, const char *token,
					    size_t len)
{
	uint8_t digest[AUTH_DIGEST_SIZE];
	const struct keyring_slot *slot;

	if (len < AUTH_TOKEN_MIN || len > AUTH_TOKEN_MAX)
		return NULL;
	auth_digest(token, len, digest);
	slot = &keyring->slots[probe_slot(keyring, digest)];
	return slot->use ? slot : NULL;
}

int keyring_find(const struct keyring *keyring, const char *token, size_t len,
		 struct principal *ret)
{
	const struct keyring_slot *slot = find_slot(keyring, token, len);

	if (!slot)
		return AUTH_E_UNKNOWN;
	*ret = slot->principal;
	return 0;
}

int keyring_recall(const struct keyring *keyring, const char *token, size_t len,
		   struct keyring_memo *memo, struct principal *ret)
{
	uint8_t tag[sizeof(memo->tag)];
	const struct keyring_slot *slot;

	_Static_assert(sizeof(tag) == crypto_shorthash_siphashx24_BYTES, "a tag is one SipHash");
	crypto_shorthash_siphashx24(tag, (const unsigned char *)token, len, keyring->memo_key);
	if (memo->use && sodium_memcmp(memo->tag, tag, sizeof(tag)) == 0) {
		*ret = memo->who;
		return 0;
	}
	slot = find_slot(keyring, token, len);
	if (!slot)
		return AUTH_E_UNKNOWN;
	memcpy(memo->tag, tag, sizeof(tag));
	memo->use = slot->use;
	memo->who = *ret = slot->principal;
	return 0;
}

void key_use_note(struct key_use *use, uint64_t now_ms)
{
	uint64_t at_ms = atomic_load_explicit(&use->at_ms, memory_order_relaxed);

	/* Also when the clock was set back: a time to come would stay for as long. */
	if (now_ms - at_ms >= KEY_USE_EVERY_MS)
		atomic_store_explicit(&use->at_ms, now_ms, memory_order_relaxed);
}

uint64_t key_use_last_ms(const struct key_use *use)
{
	return atomic_load_explicit(&use->at_ms, memory_order_relaxed);
}
