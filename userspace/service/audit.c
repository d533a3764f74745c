/* Writes notes on changes, and reads them back. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "json/copy.h"
#include "service/audit_priv.h"
#include "service/service_priv.h"

enum {
	NOTE_SCHEMA = 1,
	TEXT_MAX = 256, /* bytes; a longer one says nothing that can be relied on */
	END_ROOM = 64,  /* of a record, for what stands for a change that is too large */
};

void audit_init(struct audit_note *note)
{
	note->name[0] = '\0';
	buf_init(&note->value);
}

void audit_done(struct audit_note *note)
{
	buf_done(&note->value);
}

/* Strangers may have had a hand in it. */
static void put_text(struct json_writer *writer, const char *name, const char *text)
{
	json_name(writer, name);
	json_put_str(writer, text && strnlen(text, TEXT_MAX + 1) <= TEXT_MAX &&
					     utf8_valid(text, strlen(text)) ?
				     text :
				     "");
}

void audit_head(struct audit_note *note, const struct ledger_entry *head)
{
	struct json_writer *writer = &note->writer;

	snprintf(note->name, sizeof(note->name), AUDIT_ROOT "%s", head->id);
	buf_clear(&note->value);
	json_writer_init(writer, &note->value);
	json_begin_object(writer);
	json_name(writer, "schema");
	json_put_u64(writer, NOTE_SCHEMA);
	json_name(writer, "time_ms");
	json_put_u64(writer, head->time_ms);
	put_text(writer, "tenant", head->tenant);
	put_text(writer, "actor", head->actor);
	put_text(writer, "actor_name", head->actor_name);
	put_text(writer, "peer", head->peer);
	put_text(writer, "request_id", head->request_id);
	put_text(writer, "action", head->action);
	put_text(writer, "object", head->object);
	json_name(writer, "change");
	note->change_at = note->value.len;
}

int audit_end(struct audit_note *note)
{
	struct buf *value = &note->value;

	if (!value->failed && value->len > STORE_VALUE_MAX - END_ROOM) {
		value->len = note->change_at;
		buf_put_str(value, "{\"too_large\":true}");
	}
	json_end_object(&note->writer);
	return value->failed ? -ENOMEM : 0;
}

/* The name of the actor's API key; "" if it is none. */
static void name_actor(const struct operation *op, char name[API_KEY_NAME_MAX + 1])
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(op->service);
	const struct keyring_entry *entry =
		catalog_find_key(catalog, op->who->tenant, op->who->key_id);

	snprintf(name, API_KEY_NAME_MAX + 1, "%s", entry ? entry->key.name : "");
}

bool audit_begin(struct operation *op, const char *action, const char *object,
		 struct audit_note *note)
{
	const struct actor *actor = op->actor;
	char id[ID_SIZE], name[API_KEY_NAME_MAX + 1];
	struct ledger_entry head = {
		.id = id,
		.time_ms = clock_utc_ms(op->service->clock),
		.tenant = op->who->tenant,
		.actor = op->who->key_id,
		.actor_name = name,
		.peer = actor->peer,
		.request_id = actor->request_id,
		.action = action,
		.object = object,
	};

	if (!scribe_takes_notes(&op->service->scribe)) {
		op->unnoted++;
		return false;
	}
	name_actor(op, name);
	scribe_make_id(&op->service->scribe, head.time_ms, id);
	audit_head(note, &head);
	return true;
}

int audit_limit(struct operation *op, const char *action, const struct limit *before,
		const struct limit *after, struct audit_note *note)
{
	if (!audit_begin(op, action, after ? after->id : before->id, note))
		return 0;
	limit_write_change(before, after, &note->writer);
	return audit_end(note);
}

int audit_key(struct operation *op, const char *action, const struct api_key *before,
	      const struct api_key *after, struct audit_note *note)
{
	if (!audit_begin(op, action, after ? after->id : before->id, note))
		return 0;
	api_key_write_change(before, after, &note->writer);
	return audit_end(note);
}

void audit_put(const struct audit_note *note, struct store_put *puts, size_t *n_puts)
{
	if (note->value.len > 0)
		puts[(*n_puts)++] =
			(struct store_put){note->name, note->value.data, note->value.len};
}

size_t audit_count(const struct store_txn *txn)
{
	size_t n = 0;

	for (size_t i = 0; i < txn->n_puts; i++)
		n += strncmp(txn->puts[i].key, AUDIT_ROOT, strlen(AUDIT_ROOT)) == 0;
	return n;
}

/* NULL unless it is a string. */
static const char *get_text(const struct json *note, const char *name)
{
	const struct json *value = json_member(note, name);

	return value && json_type_of(value) == JSON_STRING ? json_string(value, NULL) : NULL;
}

/* UINT64_MAX unless it is a number that fits. */
static uint64_t get_number(const struct json *note, const char *name)
{
	const struct json *value = json_member(note, name);

	if (!value || json_type_of(value) != JSON_INTEGER || json_integer(value) < 0)
		return UINT64_MAX;
	return (uint64_t)json_integer(value);
}

static int load_change(const struct json *change, struct audit_loaded *loaded)
{
	struct json_writer writer;

	json_writer_init(&writer, &loaded->change);
	json_put_copy(&writer, change);
	loaded->entry.change = loaded->change.data;
	loaded->entry.change_len = loaded->change.len;
	return loaded->change.failed ? -ENOMEM : 0;
}

static int load_members(const struct json *note, struct audit_loaded *loaded)
{
	struct ledger_entry *entry = &loaded->entry;
	const struct json *change = json_member(note, "change");

	entry->time_ms = get_number(note, "time_ms");
	entry->tenant = get_text(note, "tenant");
	entry->actor = get_text(note, "actor");
	entry->actor_name = get_text(note, "actor_name");
	entry->peer = get_text(note, "peer");
	entry->request_id = get_text(note, "request_id");
	entry->action = get_text(note, "action");
	entry->object = get_text(note, "object");
	if (get_number(note, "schema") != NOTE_SCHEMA || entry->time_ms == UINT64_MAX ||
	    !entry->tenant || !entry->actor || !entry->actor_name || !entry->peer ||
	    !entry->request_id || !entry->action || !entry->object || !change)
		return AUDIT_E_UNREADABLE;
	return load_change(change, loaded);
}

int audit_load(const struct store_record *record, struct audit_loaded *ret)
{
	const char *id = record->key + strlen(AUDIT_ROOT);
	struct field_error error;
	int r;

	if (strncmp(id, "aud_", 4) != 0 || strlen(id) >= ID_SIZE)
		return AUDIT_E_UNREADABLE;
	*ret = (struct audit_loaded){.entry = {.id = ret->id, .revision = record->revision}};
	memcpy(ret->id, id, strlen(id) + 1);
	r = json_parse(record->value, record->size, &error, &ret->document);
	if (r)
		return r < 0 ? r : AUDIT_E_UNREADABLE;
	buf_init(&ret->change);
	r = load_members(json_root(ret->document), ret);
	if (r)
		audit_unload(ret);
	return r;
}

void audit_unload(struct audit_loaded *loaded)
{
	buf_done(&loaded->change);
	json_document_free(loaded->document);
}
