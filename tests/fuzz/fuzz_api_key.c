/* Any bytes as an API key: what is accepted survives the store and a PUT of what GET shows. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/utf8.h"

#define NOW_MS 1700000000000ULL

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_refusal(const struct field_error *error)
{
	check(error->message[0] != '\0');
	check(utf8_valid(error->field, strlen(error->field)));
	check(utf8_valid(error->message, strlen(error->message)));
}

static void check_key(const struct api_key *key)
{
	size_t len = strlen(key->name);

	check(len > 0 && len <= API_KEY_NAME_MAX);
	check(utf8_valid(key->name, len) && !utf8_has_control(key->name, len));
	check(key->rights != 0 && (key->rights & ~(uint32_t)AUTH_ALL) == 0);
	check(key->expires_at_ms == 0 || key->expires_at_ms > NOW_MS);
}

static bool equal_keys(const struct api_key *a, const struct api_key *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 &&
	       a->rights == b->rights && a->expires_at_ms == b->expires_at_ms &&
	       a->created_at_ms == b->created_at_ms &&
	       memcmp(a->digest, b->digest, AUTH_DIGEST_SIZE) == 0;
}

static void check_stored(const struct api_key *key)
{
	_cleanup_buf_ struct buf record = {0};
	struct field_error error;
	struct api_key loaded;

	api_key_save(key, &record);
	check(!record.failed);
	check(api_key_load(record.data, record.len, &error, &loaded) == 0);
	check(equal_keys(key, &loaded));
}

static void check_shown(const struct api_key *key)
{
	const struct api_key_shown shown = {.now_ms = NOW_MS, .token = "slk_"};
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf text = {0};
	struct field_error error;
	struct api_key sent = *key;

	api_key_write(key, &shown, &text);
	check(!text.failed);
	check(json_parse(text.data, text.len, &error, &document) == 0);
	check(api_key_parse_update(json_root(document), NOW_MS, &error, &sent) == 0);
	check(equal_keys(key, &sent));
}

static void read_sent(const struct json *object, bool update)
{
	struct api_key key = {
		.id = "key_a", .tenant = "default", .name = "n", .rights = AUTH_CHECK};
	const struct api_key before = key;
	struct field_error error = {.field = ""};
	int r;

	r = update ? api_key_parse_update(object, NOW_MS, &error, &key) :
		     api_key_parse(object, NOW_MS, &error, &key);
	if (r) {
		check(r == API_KEY_E_INVALID && memcmp(&key, &before, sizeof(key)) == 0);
		check_refusal(&error);
		return;
	}
	check_key(&key);
	check_stored(&key);
	check_shown(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {.field = ""};
	struct api_key key;

	if (api_key_load((const char *)data, size, &error, &key) == 0)
		check_stored(&key);
	else
		check_refusal(&error);
	if (json_parse((const char *)data, size, &error, &document))
		return 0;
	read_sent(json_root(document), false);
	read_sent(json_root(document), true);
	return 0;
}
