/* Takes the names of records apart and loads what lies under them. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json/json.h"
#include "json/writer.h"
#include "service/records_priv.h"

enum { RECORD_SCHEMA = 1 };

static const struct folder {
	const char *name;
	enum record_kind kind;
} folders[] = {
	{"limits/", RECORD_LIMIT},
	{"limit_subjects/", RECORD_LIMIT_SUBJECT},
	{"api_keys/", RECORD_API_KEY},
	{"users/", RECORD_USER},
};

int record_name_parse(const char *name, struct record_name *ret)
{
	const char *tenant = name + strlen(RECORD_ROOT);
	size_t len, prefix;

	if (strncmp(name, RECORD_ROOT, strlen(RECORD_ROOT)) != 0)
		return RECORD_E_INVALID;
	len = strcspn(tenant, "/");
	if (len == 0 || len >= sizeof(ret->tenant))
		return RECORD_E_INVALID;
	memcpy(ret->tenant, tenant, len);
	ret->tenant[len] = '\0';
	ret->id = tenant + len;
	ret->kind = RECORD_TENANT;
	if (*ret->id == '\0')
		return 0;
	ret->id++;
	ret->kind = RECORD_OTHER;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		prefix = strlen(folders[i].name);
		if (strncmp(ret->id, folders[i].name, prefix) != 0)
			continue;
		ret->kind = folders[i].kind;
		ret->id += prefix;
		return 0;
	}
	return 0;
}

/* Tenant ids and ids are bounded by their types, so every name fits. */
static void format_name(char name[RECORD_NAME_SIZE], const char *tenant, const char *folder,
			const char *id)
{
	snprintf(name, RECORD_NAME_SIZE, RECORD_ROOT "%.*s%s%.*s", TENANT_ID_SIZE - 1, tenant,
		 folder, 2 * AUTH_DIGEST_SIZE, id);
}

void record_tenant_name(const char *tenant, char name[RECORD_NAME_SIZE])
{
	format_name(name, tenant, "", "");
}

void record_limit_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE])
{
	format_name(name, tenant, "/limits/", id);
}

void record_api_key_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE])
{
	format_name(name, tenant, "/api_keys/", id);
}

void record_user_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE])
{
	format_name(name, tenant, "/users/", id);
}

int record_subject_name(const char *tenant, const struct limit *limit, char name[RECORD_NAME_SIZE])
{
	char hex[2 * AUTH_DIGEST_SIZE + 1];
	uint8_t digest[AUTH_DIGEST_SIZE];
	_cleanup_buf_ struct buf subject;

	buf_init(&subject);
	limit_subject(limit, &subject);
	if (subject.failed)
		return -ENOMEM;
	auth_digest(subject.data, subject.len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(&hex[2 * i], 3, "%02x", digest[i]);
	format_name(name, tenant, "/limit_subjects/", hex);
	return 0;
}

/* Parses a small record and checks its schema; *ret is its root. */
static int open_record(const struct store_record *record, struct field_error *error,
		       struct json_document **document, const struct json **ret)
{
	const struct json *schema;
	int r;

	r = json_parse(record->value, record->size, error, document);
	if (r)
		return r < 0 ? r : RECORD_E_INVALID;
	*ret = json_root(*document);
	if (json_type_of(*ret) != JSON_OBJECT) {
		field_error_set(error, "", "must be an object");
		return RECORD_E_INVALID;
	}
	schema = json_member(*ret, "schema");
	if (schema && json_type_of(schema) == JSON_INTEGER && json_integer(schema) == RECORD_SCHEMA)
		return 0;
	field_error_set(error, "schema", "is not %d, the one this version reads", RECORD_SCHEMA);
	return RECORD_E_INVALID;
}

void record_tenant_save(uint32_t number, struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	json_name(&writer, "schema");
	json_put_u64(&writer, RECORD_SCHEMA);
	json_name(&writer, "number");
	json_put_u64(&writer, number);
	json_end_object(&writer);
}

int record_tenant_load(const struct store_record *record, struct field_error *error,
		       uint32_t *ret_number)
{
	_cleanup_json_ struct json_document *document = NULL;
	const struct json *root, *number;
	int r;

	r = open_record(record, error, &document, &root);
	if (r)
		return r;
	number = json_member(root, "number");
	if (!number || json_type_of(number) != JSON_INTEGER || json_integer(number) < 0 ||
	    json_integer(number) > UINT32_MAX) {
		field_error_set(error, "number", "must be an integer from 0 to %u", UINT32_MAX);
		return RECORD_E_INVALID;
	}
	*ret_number = (uint32_t)json_integer(number);
	return 0;
}

void record_subject_save(const char *limit_id, struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_object(&writer);
	json_name(&writer, "schema");
	json_put_u64(&writer, RECORD_SCHEMA);
	json_name(&writer, "limit");
	json_put_str(&writer, limit_id);
	json_end_object(&writer);
}

int record_subject_load(const struct store_record *record, struct field_error *error,
			char ret_limit_id[ID_SIZE])
{
	_cleanup_json_ struct json_document *document = NULL;
	const struct json *root, *limit;
	const char *id;
	size_t len;
	int r;

	r = open_record(record, error, &document, &root);
	if (r)
		return r;
	limit = json_member(root, "limit");
	id = limit && json_type_of(limit) == JSON_STRING ? json_string(limit, &len) : NULL;
	if (!id || len == 0 || len >= ID_SIZE) {
		field_error_set(error, "limit", "must be a limit's id");
		return RECORD_E_INVALID;
	}
	memcpy(ret_limit_id, id, len + 1);
	return 0;
}

static int check_place(const char *id, const char *name_id, struct field_error *error)
{
	if (strcmp(id, name_id) == 0)
		return 0;
	field_error_set(error, "id", "is not the one the record is named after");
	return RECORD_E_INVALID;
}

int record_limit_load(const struct store_record *record, const struct record_name *name,
		      struct field_error *error, struct limit *ret)
{
	_cleanup_limit_ struct limit limit;
	int r;

	limit_init(&limit);
	r = limit_load(record->value, record->size, error, &limit);
	if (r)
		return r < 0 ? r : RECORD_E_INVALID;
	r = check_place(limit.id, name->id, error);
	if (r)
		return r;
	limit.revision = record->revision;
	*ret = limit;
	limit_init(&limit);
	return 0;
}

int record_api_key_load(const struct store_record *record, const struct record_name *name,
			struct field_error *error, struct api_key *ret)
{
	struct api_key key;
	int r;

	r = api_key_load(record->value, record->size, error, &key);
	if (r)
		return r < 0 ? r : RECORD_E_INVALID;
	r = check_place(key.id, name->id, error);
	if (r)
		return r;
	if (strcmp(key.tenant, name->tenant) != 0) {
		field_error_set(error, "tenant", "is not the one the record lies under");
		return RECORD_E_INVALID;
	}
	key.revision = record->revision;
	*ret = key;
	return 0;
}

struct fetch {
	const char *name;
	struct buf *value;
	uint64_t revision;
};

/* The name may also be the beginning of others. */
static int fetch_record(const struct store_record *record, void *data)
{
	struct fetch *fetch = data;

	if (strcmp(record->key, fetch->name) != 0)
		return 0;
	buf_put(fetch->value, record->value, record->size);
	fetch->revision = record->revision;
	return fetch->value->failed ? -ENOMEM : 0;
}

int record_fetch(struct store *store, const char *name, struct buf *value, uint64_t *ret_revision)
{
	struct fetch fetch = {.name = name, .value = value};
	uint64_t revision;
	int r;

	r = store_range(store, name, fetch_record, &fetch, &revision);
	if (r)
		return r;
	*ret_revision = fetch.revision;
	return 0;
}
