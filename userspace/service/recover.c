/* For whoever has no key that works: makes one, and says which of the settings' are none. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "json/json.h"
#include "service/admin.h"
#include "service/audit_priv.h"
#include "service/records_priv.h"

/* The key, its note and the tenant that both rest on. */
struct recovery {
	struct api_key key;
	char key_name[RECORD_NAME_SIZE];
	char tenant_name[RECORD_NAME_SIZE];
	uint64_t tenant_revision;
	struct buf value;
	struct audit_note note;
};

static void init_recovery(struct recovery *recovery, uint64_t now_ms, const char *token)
{
	struct api_key *key = &recovery->key;

	*recovery = (struct recovery){
		.key =
			{
				.tenant = SERVICE_TENANT_DEFAULT,
				.name = "recovered",
				.rights = AUTH_ALL,
				.created_at_ms = now_ms,
				.updated_at_ms = now_ms,
			},
	};
	buf_init(&recovery->value);
	audit_init(&recovery->note);
	id_make("key", now_ms, key->id);
	auth_digest(token, strlen(token), key->digest);
	record_api_key_name(SERVICE_TENANT_DEFAULT, key->id, recovery->key_name);
	record_tenant_name(SERVICE_TENANT_DEFAULT, recovery->tenant_name);
}

static void done_recovery(struct recovery *recovery)
{
	audit_done(&recovery->note);
	buf_done(&recovery->value);
}

static int draft_recovery(struct recovery *recovery)
{
	char note_id[ID_SIZE];
	const struct ledger_entry head = {
		.id = note_id,
		.time_ms = recovery->key.created_at_ms,
		.tenant = SERVICE_TENANT_DEFAULT,
		.actor = "recover",
		.action = "key.create",
		.object = recovery->key.id,
	};

	id_make("aud", recovery->key.created_at_ms, note_id);
	api_key_save(&recovery->key, &recovery->value);
	audit_head(&recovery->note, &head);
	api_key_write_change(NULL, &recovery->key, &recovery->note.writer);
	return recovery->value.failed ? -ENOMEM : audit_end(&recovery->note);
}

static int write_recovery(struct store *store, const struct recovery *recovery,
			  struct field_error *error)
{
	struct store_put puts[2] = {
		{recovery->key_name, recovery->value.data, recovery->value.len},
	};
	struct store_txn txn = {
		.compares =
			&(struct store_compare){recovery->tenant_name, recovery->tenant_revision},
		.n_compares = 1,
		.puts = puts,
		.n_puts = 1,
	};
	uint64_t revision;
	int r;

	audit_put(&recovery->note, puts, &txn.n_puts);
	r = store_txn(store, &txn, &revision);
	if (r <= 0)
		return r;
	field_error_set(error, "", "the store takes no writes (disk full, read-only or failing)");
	return ADMIN_E_STORE;
}

int admin_recover(struct store *store, const struct clock *clock, const char *token,
		  struct field_error *error, char ret_id[ID_SIZE])
{
	_cleanup_(done_recovery) struct recovery recovery;
	_cleanup_buf_ struct buf present;
	int r;

	buf_init(&present);
	init_recovery(&recovery, clock_utc_ms(clock), token);
	r = record_fetch(store, recovery.tenant_name, &present, &recovery.tenant_revision);
	if (r)
		return r;
	if (!recovery.tenant_revision) {
		field_error_set(error, "",
				"the store is empty: the first `sluice serve` makes the keys and "
				"writes them to bootstrap.json");
		return ADMIN_E_NOT_FOUND;
	}
	r = draft_recovery(&recovery);
	if (!r)
		r = write_recovery(store, &recovery, error);
	if (!r)
		memcpy(ret_id, recovery.key.id, ID_SIZE);
	return r;
}

/* What is given, and whether anything like it was found so far. */
struct comparison {
	const struct admin_bootstrap *given;
	uint8_t digests[2][AUTH_DIGEST_SIZE]; /* of the tokens */
	bool tokens_found[2];
	bool password_found;
};

static void compare_key(struct comparison *comparison, const struct store_record *record,
			const struct record_name *name)
{
	struct field_error error;
	struct api_key key;

	if (record_api_key_load(record, name, &error, &key))
		return;
	for (int i = 0; i < 2; i++)
		if (memcmp(comparison->digests[i], key.digest, AUTH_DIGEST_SIZE) == 0)
			comparison->tokens_found[i] = true;
}

static void compare_user(struct comparison *comparison, const struct store_record *record)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;
	const struct json *hash;

	if (!comparison->given->password || comparison->password_found ||
	    json_parse(record->value, record->size, &error, &document))
		return;
	hash = json_member(json_root(document), "password_hash");
	comparison->password_found =
		hash && json_type_of(hash) == JSON_STRING &&
		auth_password_matches(comparison->given->password, json_string(hash, NULL));
}

static int compare_record(const struct store_record *record, void *data)
{
	struct comparison *comparison = data;
	struct record_name name;

	if (record_name_parse(record->key, &name))
		return 0;
	if (name.kind == RECORD_API_KEY)
		compare_key(comparison, record, &name);
	else if (name.kind == RECORD_USER)
		compare_user(comparison, record);
	return 0;
}

static void put_name(const char *name, struct buf *names)
{
	buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

int admin_bootstrap_unknown(struct store *store, const struct admin_bootstrap *given,
			    struct buf *names)
{
	const char *const tokens[] = {given->admin_token, given->check_token};
	static const char *const token_names[] = {"SLUICE_BOOTSTRAP_KEY",
						  "SLUICE_BOOTSTRAP_CHECK_KEY"};
	struct comparison comparison = {.given = given};
	char keys[RECORD_NAME_SIZE], users[RECORD_NAME_SIZE];
	uint64_t revision;
	int r;

	for (int i = 0; i < 2; i++)
		if (tokens[i])
			auth_digest(tokens[i], strlen(tokens[i]), comparison.digests[i]);
	record_api_key_name(SERVICE_TENANT_DEFAULT, "", keys);
	record_user_name(SERVICE_TENANT_DEFAULT, "", users);
	r = store_range(store, keys, compare_record, &comparison, &revision);
	if (r == 0)
		r = store_range(store, users, compare_record, &comparison, &revision);
	for (int i = 0; i < 2 && r == 0; i++)
		if (tokens[i] && !comparison.tokens_found[i])
			put_name(token_names[i], names);
	if (r == 0 && given->password && !comparison.password_found)
		put_name("SLUICE_BOOTSTRAP_PASSWORD", names);
	if (r)
		return r < 0 ? r : -EIO;
	return names->failed ? -ENOMEM : 0;
}
