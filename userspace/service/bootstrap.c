/* First boot: one transaction makes the tenant, its first user and its API keys. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "json/writer.h"
#include "service/audit_priv.h"

enum {
	EMAIL_MAX = 254, /* RFC 5321, path */
	PASSWORD_MAX = 1024,
	USER_SCHEMA = 1,
	TENANT_NUMBER_FIRST = 0,
};

static const char *const token_fields[] = {"SLUICE_BOOTSTRAP_KEY", "SLUICE_BOOTSTRAP_CHECK_KEY"};

/* Whoever sends a token puts it into a header: visible ASCII only. */
static int validate_token(const char *token, const char *field, struct field_error *error)
{
	size_t len = strlen(token);

	if (len < AUTH_TOKEN_MIN || len > AUTH_TOKEN_MAX) {
		field_error_set(error, field, "must have %d to %d characters, not %zu",
				AUTH_TOKEN_MIN, AUTH_TOKEN_MAX, len);
		return ADMIN_E_INVALID;
	}
	for (size_t i = 0; i < len; i++) {
		if (token[i] > ' ' && token[i] < 0x7f)
			continue;
		field_error_set(error, field, "must be visible ASCII without spaces");
		return ADMIN_E_INVALID;
	}
	return 0;
}

/* Roughly: what is no address at all. Whether mail arrives only sending it can tell. */
static bool email_plausible(const char *email)
{
	const char *at = strchr(email, '@');
	size_t len = strlen(email);

	if (len > EMAIL_MAX || !utf8_valid(email, len))
		return false;
	if (!at || at == email || strchr(at + 1, '@'))
		return false;
	if (at[1] == '\0' || at[1] == '.' || email[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)email[i] <= ' ' || email[i] == 0x7f)
			return false;
	return true;
}

static int validate_person(const struct admin_bootstrap *first, struct field_error *error)
{
	size_t len = strlen(first->password);

	if (!email_plausible(first->email)) {
		field_error_set(error, "SLUICE_BOOTSTRAP_EMAIL", "must be an email address");
		return ADMIN_E_INVALID;
	}
	if (len >= AUTH_PASSWORD_MIN && len <= PASSWORD_MAX)
		return 0;
	field_error_set(error, "SLUICE_BOOTSTRAP_PASSWORD", "must have %d to %d bytes, not %zu",
			AUTH_PASSWORD_MIN, PASSWORD_MAX, len);
	return ADMIN_E_INVALID;
}

int admin_bootstrap_validate(const struct admin_bootstrap *first, struct field_error *error)
{
	int r;

	r = validate_token(first->admin_token, token_fields[0], error);
	if (r)
		return r;
	r = validate_token(first->check_token, token_fields[1], error);
	if (r)
		return r;
	if (strcmp(first->admin_token, first->check_token) == 0) {
		field_error_set(error, token_fields[1], "must differ from %s", token_fields[0]);
		return ADMIN_E_INVALID;
	}
	return validate_person(first, error);
}

/* A record under way. */
struct draft_record {
	char name[RECORD_NAME_SIZE];
	struct buf value;
};

struct first_boot {
	const struct admin_bootstrap *first;
	uint64_t now_ms;
	struct draft_record tenant, user, admin_key, check_key;
	struct audit_note notes[3]; /* on the user and both keys */
	size_t n_notes;
	char note_id[ID_SIZE]; /* of the last */
};

static void done_first_boot(struct first_boot *boot)
{
	for (size_t i = 0; i < boot->n_notes; i++)
		audit_done(&boot->notes[i]);
	buf_done(&boot->tenant.value);
	buf_done(&boot->user.value);
	buf_done(&boot->admin_key.value);
	buf_done(&boot->check_key.value);
}

static void init_first_boot(struct first_boot *boot, const struct admin_bootstrap *first,
			    uint64_t now_ms)
{
	*boot = (struct first_boot){.first = first, .now_ms = now_ms};
	buf_init(&boot->tenant.value);
	buf_init(&boot->user.value);
	buf_init(&boot->admin_key.value);
	buf_init(&boot->check_key.value);
}

/* Whoever ends it writes what was made. */
static struct audit_note *begin_note(struct first_boot *boot, const char *action,
				     const char *object)
{
	struct audit_note *note = &boot->notes[boot->n_notes];
	const struct ledger_entry head = {
		.id = boot->note_id,
		.time_ms = boot->now_ms,
		.tenant = SERVICE_TENANT_DEFAULT,
		.actor = "bootstrap",
		.action = action,
		.object = object,
	};

	if (boot->n_notes++ == 0)
		id_make("aud", boot->now_ms, boot->note_id);
	else
		id_next(boot->note_id);
	audit_init(note);
	audit_head(note, &head);
	return note;
}

static int draft_key(struct first_boot *boot, const char *name, const char *token, uint32_t rights,
		     struct draft_record *ret)
{
	struct api_key key = {
		.rights = rights,
		.created_at_ms = boot->now_ms,
		.updated_at_ms = boot->now_ms,
	};
	struct audit_note *note;

	id_make("key", boot->now_ms, key.id);
	strcpy(key.tenant, SERVICE_TENANT_DEFAULT);
	strncpy(key.name, name, sizeof(key.name) - 1);
	auth_digest(token, strlen(token), key.digest);
	record_api_key_name(SERVICE_TENANT_DEFAULT, key.id, ret->name);
	api_key_save(&key, &ret->value);
	note = begin_note(boot, "key.create", key.id);
	api_key_write_change(NULL, &key, &note->writer);
	return audit_end(note);
}

static int note_user(struct first_boot *boot, const char *id)
{
	struct audit_note *note = begin_note(boot, "user.create", id);
	struct json_writer *writer = &note->writer;

	json_begin_object(writer);
	json_name(writer, "before");
	json_put_null(writer);
	json_name(writer, "after");
	json_begin_object(writer);
	json_name(writer, "id");
	json_put_str(writer, id);
	json_name(writer, "email");
	json_put_str(writer, boot->first->email);
	json_end_object(writer);
	json_end_object(writer);
	return audit_end(note);
}

static int draft_user(struct first_boot *boot)
{
	char hash[AUTH_PASSWORD_HASH_SIZE];
	struct json_writer writer;
	char id[ID_SIZE];

	if (auth_password_hash(boot->first->password, hash))
		return -ENOMEM;
	id_make("usr", boot->now_ms, id);
	record_user_name(SERVICE_TENANT_DEFAULT, id, boot->user.name);
	json_writer_init(&writer, &boot->user.value);
	json_begin_object(&writer);
	json_name(&writer, "schema");
	json_put_u64(&writer, USER_SCHEMA);
	json_name(&writer, "id");
	json_put_str(&writer, id);
	json_name(&writer, "email");
	json_put_str(&writer, boot->first->email);
	json_name(&writer, "password_hash");
	json_put_str(&writer, hash);
	json_name(&writer, "created_at_ms");
	json_put_u64(&writer, boot->now_ms);
	json_end_object(&writer);
	return note_user(boot, id);
}

static int draft_first_boot(struct first_boot *boot)
{
	int r;

	record_tenant_name(SERVICE_TENANT_DEFAULT, boot->tenant.name);
	record_tenant_save(TENANT_NUMBER_FIRST, &boot->tenant.value);
	r = draft_key(boot, "bootstrap", boot->first->admin_token, AUTH_ALL, &boot->admin_key);
	if (!r)
		r = draft_key(boot, "bootstrap check", boot->first->check_token, AUTH_CHECK,
			      &boot->check_key);
	if (!r)
		r = draft_user(boot);
	if (r)
		return r;
	return boot->tenant.value.failed || boot->user.value.failed ||
			       boot->admin_key.value.failed || boot->check_key.value.failed ?
		       -ENOMEM :
		       0;
}

static struct store_put put_of(const struct draft_record *record)
{
	return (struct store_put){record->name, record->value.data, record->value.len};
}

/* Two controllers may boot on one store at once: the tenant's record decides who was first. */
static int write_first_boot(struct store *store, const struct first_boot *boot,
			    struct field_error *error, bool *ret_done)
{
	struct store_put puts[4 + 3] = {put_of(&boot->tenant), put_of(&boot->user),
					put_of(&boot->admin_key), put_of(&boot->check_key)};
	struct store_txn txn = {
		.compares = &(struct store_compare){boot->tenant.name, 0},
		.n_compares = 1,
		.puts = puts,
		.n_puts = 4,
	};
	uint64_t revision;
	int r;

	for (size_t i = 0; i < boot->n_notes; i++)
		audit_put(&boot->notes[i], puts, &txn.n_puts);
	r = store_txn(store, &txn, &revision);
	if (r < 0)
		return r;
	switch (r) {
	case 0:
	case STORE_E_CONFLICT:
		*ret_done = r == 0;
		return 0;
	case STORE_E_UNKNOWN:
		field_error_set(error, "", "the store did not answer in time");
		return ADMIN_E_UNKNOWN;
	default:
		field_error_set(error, "", "the store takes no writes now");
		return ADMIN_E_STORE;
	}
}

int admin_bootstrap(struct store *store, const struct clock *clock,
		    const struct admin_bootstrap *first, struct field_error *error, bool *ret_done)
{
	_cleanup_(done_first_boot) struct first_boot boot;
	_cleanup_buf_ struct buf present;
	char tenant[RECORD_NAME_SIZE];
	uint64_t revision;
	int r;

	buf_init(&present);
	init_first_boot(&boot, first, clock_utc_ms(clock));
	record_tenant_name(SERVICE_TENANT_DEFAULT, tenant);
	r = record_fetch(store, tenant, &present, &revision);
	if (r)
		return r;
	if (revision) {
		*ret_done = false;
		return 0;
	}
	r = admin_bootstrap_validate(first, error);
	if (r)
		return r;
	r = draft_first_boot(&boot);
	if (r)
		return r;
	return write_first_boot(store, &boot, error, ret_done);
}
