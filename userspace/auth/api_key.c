/* API keys as records: JSON with the rights by name and the token's digest in hex. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "auth/api_key_priv.h"
#include "auth/auth.h"

enum {
	API_KEY_SCHEMA = 3,
	/* The second one had no times but that of the making. */
	SCHEMA_WITHOUT_TIMES = 2,
	/* The first schema had no "all": a key with all the rights there were then has them now. */
	SCHEMA_WITHOUT_ALL = 1,
	ALL_OF_SCHEMA_1 = AUTH_CHECK | AUTH_LIMITS_READ | AUTH_LIMITS_WRITE | AUTH_METRICS_READ,
	DIGEST_HEX_SIZE = 2 * AUTH_DIGEST_SIZE + 1,
};

void auth_token_make(char token[AUTH_TOKEN_SIZE])
{
	static const char prefix[] = "slk_";

	memcpy(token, prefix, sizeof(prefix) - 1);
	secret_make(token + sizeof(prefix) - 1, AUTH_TOKEN_SIZE - (sizeof(prefix) - 1));
}

void auth_digest(const char *token, size_t len, uint8_t digest[AUTH_DIGEST_SIZE])
{
	crypto_generichash(digest, AUTH_DIGEST_SIZE, (const unsigned char *)token, len, NULL, 0);
}

void api_key_write_rights(uint32_t rights, struct json_writer *writer)
{
	json_begin_array(writer);
	if (rights == AUTH_ALL)
		json_put_str(writer, auth_right_name(AUTH_ALL));
	for (uint32_t right = 1; right < AUTH_ALL && rights != AUTH_ALL; right <<= 1)
		if (rights & right)
			json_put_str(writer, auth_right_name(right));
	json_end_array(writer);
}

void api_key_save(const struct api_key *key, struct buf *buf)
{
	char hex[DIGEST_HEX_SIZE];
	struct json_writer writer;

	sodium_bin2hex(hex, sizeof(hex), key->digest, AUTH_DIGEST_SIZE);
	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	json_name(&writer, "schema");
	json_put_u64(&writer, API_KEY_SCHEMA);
	json_name(&writer, "id");
	json_put_str(&writer, key->id);
	json_name(&writer, "tenant");
	json_put_str(&writer, key->tenant);
	json_name(&writer, "name");
	json_put_str(&writer, key->name);
	json_name(&writer, "rights");
	api_key_write_rights(key->rights, &writer);
	json_name(&writer, "digest");
	json_put_str(&writer, hex);
	json_name(&writer, "created_at_ms");
	json_put_u64(&writer, key->created_at_ms);
	json_name(&writer, "updated_at_ms");
	json_put_u64(&writer, key->updated_at_ms);
	json_name(&writer, "expires_at_ms");
	json_put_u64(&writer, key->expires_at_ms);
	json_end_object(&writer);
}

/* The member of this type, or NULL with *error saying what is wrong with it. */
static const struct json *load_member(const struct json *object, const char *name,
				      enum json_type type, struct field_error *error)
{
	const struct json *value = json_member(object, name);

	if (!value) {
		field_error_set(error, name, "is missing");
		return NULL;
	}
	if (json_type_of(value) != type) {
		field_error_set(error, name, "must be %s, not %s", json_type_name(type),
				json_type_name(json_type_of(value)));
		return NULL;
	}
	return value;
}

static int load_text(const struct json *object, const char *name, struct field_error *error,
		     size_t size, char *ret)
{
	const struct json *value = load_member(object, name, JSON_STRING, error);
	const char *text;
	size_t len;

	if (!value)
		return AUTH_E_UNKNOWN;
	text = json_string(value, &len);
	if (len >= size) {
		field_error_set(error, name, "must be at most %zu bytes", size - 1);
		return AUTH_E_UNKNOWN;
	}
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

static int load_number(const struct json *object, const char *name, struct field_error *error,
		       uint64_t *ret)
{
	const struct json *value = load_member(object, name, JSON_INTEGER, error);

	if (!value)
		return AUTH_E_UNKNOWN;
	if (json_integer(value) < 0) {
		field_error_set(error, name, "must not be negative");
		return AUTH_E_UNKNOWN;
	}
	*ret = (uint64_t)json_integer(value);
	return 0;
}

static uint32_t right_of(const struct json *value)
{
	const char *text;
	size_t len;

	if (json_type_of(value) != JSON_STRING)
		return 0;
	text = json_string(value, &len);
	return auth_right_find(text, len);
}

/* A right that is not known here may not be dropped: saving the key would lose it. */
static int load_rights(const struct json *object, struct field_error *error, uint32_t *ret)
{
	const struct json *array = load_member(object, "rights", JSON_ARRAY, error);
	uint32_t rights = 0;
	uint32_t right;

	if (!array)
		return AUTH_E_UNKNOWN;
	for (size_t i = 0; i < json_array_len(array); i++) {
		right = right_of(json_array_at(array, i));
		if (!right) {
			field_error_set(error, "rights", "holds an unknown right at %zu", i);
			return AUTH_E_UNKNOWN;
		}
		rights |= right;
	}
	*ret = rights;
	return 0;
}

static int load_digest(const struct json *object, struct field_error *error,
		       uint8_t ret[AUTH_DIGEST_SIZE])
{
	const struct json *value = load_member(object, "digest", JSON_STRING, error);
	const char *hex;
	size_t len, bytes;

	if (!value)
		return AUTH_E_UNKNOWN;
	hex = json_string(value, &len);
	if (len == DIGEST_HEX_SIZE - 1 &&
	    !sodium_hex2bin(ret, AUTH_DIGEST_SIZE, hex, len, NULL, &bytes, NULL) &&
	    bytes == AUTH_DIGEST_SIZE)
		return 0;
	field_error_set(error, "digest", "must be %d hex digits", DIGEST_HEX_SIZE - 1);
	return AUTH_E_UNKNOWN;
}

static int load_schema(const struct json *root, struct field_error *error, uint64_t *ret)
{
	uint64_t schema;

	if (json_type_of(root) != JSON_OBJECT) {
		field_error_set(error, "", "must be an object");
		return AUTH_E_UNKNOWN;
	}
	if (load_number(root, "schema", error, &schema))
		return AUTH_E_UNKNOWN;
	*ret = schema;
	if (schema >= SCHEMA_WITHOUT_ALL && schema <= API_KEY_SCHEMA)
		return 0;
	field_error_set(error, "schema", "is %llu; this version reads up to %d",
			(unsigned long long)schema, API_KEY_SCHEMA);
	return AUTH_E_UNKNOWN;
}

static int load_times(const struct json *root, uint64_t schema, struct field_error *error,
		      struct api_key *key)
{
	if (load_number(root, "created_at_ms", error, &key->created_at_ms))
		return AUTH_E_UNKNOWN;
	key->updated_at_ms = key->created_at_ms;
	if (schema <= SCHEMA_WITHOUT_TIMES)
		return 0;
	if (load_number(root, "updated_at_ms", error, &key->updated_at_ms))
		return AUTH_E_UNKNOWN;
	return load_number(root, "expires_at_ms", error, &key->expires_at_ms);
}

int api_key_load(const char *text, size_t len, struct field_error *error, struct api_key *ret)
{
	_cleanup_json_ struct json_document *document = NULL;
	const struct json *root;
	struct api_key key = {0};
	uint64_t schema;
	int r;

	r = json_parse(text, len, error, &document);
	if (r < 0)
		return r;
	if (r > 0)
		return AUTH_E_UNKNOWN;
	root = json_root(document);
	if (load_schema(root, error, &schema) ||
	    load_text(root, "id", error, sizeof(key.id), key.id) ||
	    load_text(root, "tenant", error, sizeof(key.tenant), key.tenant) ||
	    load_text(root, "name", error, sizeof(key.name), key.name) ||
	    load_rights(root, error, &key.rights) || load_digest(root, error, key.digest) ||
	    load_times(root, schema, error, &key))
		return AUTH_E_UNKNOWN;
	if (schema == SCHEMA_WITHOUT_ALL && key.rights == ALL_OF_SCHEMA_1)
		key.rights = AUTH_ALL;
	*ret = key;
	return 0;
}
